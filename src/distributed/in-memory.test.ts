import { expect, test } from "vitest";
import { collectiveCases, collectiveSuite, messageOf } from "./collective.suite.js";
import { ranksInMemory } from "./in-memory.test-support.js";

collectiveSuite("in memory", [2, 3], (size, name) => Promise.all(ranksInMemory(size).map(collectiveCases[name]!.act)));

test("calls after the end are rejected", async () => {
  const ranks = ranksInMemory(2);
  await Promise.all(ranks.map((collective) => collective.close()));
  expect(await messageOf(ranks[0]!.sum([], "values"))).toMatch("left each other");
});

test("a rank that aborts also ends waiting ranks", async () => {
  const ranks = ranksInMemory(2);
  const waiting = messageOf(ranks[0]!.gather(new Uint8Array(), "bytes"));
  await ranks[1]!.abort("the disk is full");
  expect(await waiting).toMatch("the disk is full");
  expect(await messageOf(ranks[1]!.gather(new Uint8Array(), "bytes"))).toMatch(
    "the ranks were ended: the disk is full",
  );
});
