import { expect, test } from "vitest";
import { ahead } from "./prefetch.js";

test("entries come in order, each loaded one ahead of its turn", async () => {
  const log: string[] = [];
  const load = (entry: string) => {
    log.push(`load ${entry}`);
    return Promise.resolve(entry.toUpperCase());
  };
  const entries = ahead(["a", "b", "c"], load);
  expect(log).toEqual(["load a"]);
  for await (const [index, loaded] of entries) log.push(`use ${index} ${loaded}`);
  expect(log).toEqual(["load a", "load b", "use 0 A", "load c", "use 1 B", "use 2 C"]);
});

test("a failed load throws when its turn comes, after the entries before it", async () => {
  const used: string[] = [];
  const load = (entry: string) => (entry === "b" ? Promise.reject(new Error("b is broken")) : Promise.resolve(entry));
  const useAll = async () => {
    for await (const [, loaded] of ahead(["a", "b", "c"], load)) used.push(loaded);
  };
  await expect(useAll()).rejects.toThrow("b is broken");
  expect(used).toEqual(["a"]);
});

test("an empty list loads nothing", async () => {
  for await (const entry of ahead([], () => Promise.reject(new Error("not called")))) expect.unreachable(String(entry));
});
