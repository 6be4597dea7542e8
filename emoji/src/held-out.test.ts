import { expect, test } from "vitest";
import { crc32 } from "node:zlib";
import { heldOutDrawings, holdsBackgroundOut, holdsPairOut } from "./held-out.js";
import { readVocabulary } from "./vocabulary/vocabulary.js";

test("CRC-32 is that of zlib", () => {
  expect(crc32("123456789")).toBe(0xcbf43926);
  // Computed a second time in Python: zlib.crc32("piñata@blue striped".encode()).
  expect(crc32("piñata@blue striped")).toBe(3621304683);
});

test("the same combinations are held out as in the prototype", () => {
  const { nouns, heldSynonyms } = readVocabulary();
  let pairs = 0;
  nouns.forEach(({ noun }, i) => {
    for (const { noun: other } of nouns.slice(0, i)) if (holdsPairOut(noun, other)) pairs++;
  });
  expect(pairs).toBe(18_735);
  expect(heldSynonyms.size).toBe(44);
  expect(holdsPairOut("cat", "dog")).toBe(holdsPairOut("dog", "cat"));
  const backgrounds = nouns.filter(({ noun }) => holdsBackgroundOut(noun, "red"));
  expect(Math.abs(backgrounds.length / nouns.length - 1 / 12)).toBeLessThan(0.04);
});

const drawing = (set: string, codePoint: string, noun = 0) => ({ set, codePoint, noun });

test("a drawing is held out only if two other families show the noun", () => {
  const codePoints = Array.from({ length: 400 }, (_, i) => (0x1f400 + i).toString(16));
  const everywhere = (sets: readonly string[]) =>
    codePoints.flatMap((codePoint, noun) => sets.map((set) => drawing(set, codePoint, noun)));
  const held = heldOutDrawings(everywhere(["noto", "twemoji", "emojione"]));
  expect(Math.abs(held.size / 1200 - 0.08)).toBeLessThan(0.025);
  // Flat and 3D are one family: with noto alone beside it nothing can be spared.
  expect(heldOutDrawings(everywhere(["noto", "fluent-emoji-flat", "fluent-3d"])).size).toBe(0);
});

test("drawings of one family are held out together, and every noun keeps enough of them", () => {
  const sets = ["noto", "twemoji", "emojione", "fluent-emoji-flat", "fluent-3d"];
  const drawings = Array.from({ length: 300 }, (_, noun) =>
    sets.map((set) => drawing(set, (0x2600 + noun).toString(16), noun)),
  ).flat();
  const held = heldOutDrawings(drawings);
  const has = (set: string, noun: number) => [...held].some((one) => one.set === set && one.noun === noun);
  for (let noun = 0; noun < 300; noun++) {
    expect(has("fluent-emoji-flat", noun)).toBe(has("fluent-3d", noun));
    expect(["noto", "twemoji", "emojione", "fluent-3d"].filter((set) => !has(set, noun)).length).toBeGreaterThan(1);
  }
  expect([...held].some(({ set }) => set === "fluent-3d")).toBe(true);
});
