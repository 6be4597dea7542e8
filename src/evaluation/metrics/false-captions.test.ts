import { expect, test } from "vitest";
import { Random } from "../../random/index.js";
import { memoryData } from "../memory-data.test-support.js";
import { FalseCaptions } from "./false-captions.js";

const rowsOf = (...captions: readonly (readonly string[])[]) =>
  memoryData(captions.map((some) => ({ images: [], captions: some })));

test("captions of all other rows are equally likely, one's own never", () => {
  const captions = new FalseCaptions(rowsOf(["a"], ["b", "c"], [], ["d", "e", "f"], ["g"]));
  const counts = new Map<string, number>();
  const random = new Random(1);
  for (let i = 0; i < 5000; i++) {
    const sampled = captions.sample(1, ["b", "c"], random)!;
    counts.set(sampled, (counts.get(sampled) ?? 0) + 1);
  }
  expect([...counts.keys()].sort()).toEqual(["a", "d", "e", "f", "g"]);
  // Five deviations of a binomial around 1000.
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(142);
});

test("a caption that the row has, too, is sampled again; without another caption the result is undefined", () => {
  const captions = new FalseCaptions(rowsOf(["same", "own"], ["same", "other"]));
  for (let i = 0; i < 20; i++) expect(captions.sample(0, ["same", "own"], new Random(i))).toBe("other");
  expect(new FalseCaptions(rowsOf(["a"], ["a"])).sample(0, ["a"], new Random(0))).toBeUndefined();
  expect(new FalseCaptions(rowsOf(["a"], [])).sample(0, ["a"], new Random(0))).toBeUndefined();
});
