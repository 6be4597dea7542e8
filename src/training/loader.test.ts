import { expect, test } from "vitest";
import type { Dataset } from "../data/index.js";
import { elementCount } from "../graph/index.js";
import type { Batch } from "../learner/index.js";
import type { LoadedStep, Loader } from "./loader.js";
import { dataOf, loaderOf, sourceOf, withBroken } from "./samples.test-support.js";

const plain = (batch: Batch) =>
  Object.fromEntries(Object.entries(batch).map(([name, { shape, data }]) => [name, { shape, data }]));
const plainStep = (step: LoadedStep) => ({ ...step, microBatches: step.microBatches.map(plain) });

async function steps(loader: Loader, from: number, to: number): Promise<unknown[]> {
  const made: unknown[] = [];
  for (let t = from; t < to; t++) made.push(plainStep(await loader.step(t, 9)));
  return made;
}

const every = ["mlm", "itm", "itc", "irtr", "vqa", "snli"] as const;

test("batches are bit-exact for any number of threads and any step that a run resumes from", async () => {
  const data = [await dataOf(5, { captions: 2 }), withBroken(await dataOf(4, { set: 1 }), (row) => row === 1)];
  const one = await steps(loaderOf(sourceOf(data, { objectives: every }), every), 0, 7);
  const three = await steps(loaderOf(sourceOf(data, { objectives: every, threads: 3 }), every), 0, 7);
  expect(three).toEqual(one);
  const resumed = loaderOf(sourceOf(data, { objectives: every, threads: 2 }), every);
  expect(await steps(resumed, 4, 7)).toEqual(one.slice(4));
});

test("a loaded step has a byte for each value of its images", async () => {
  const { microBatches } = await loaderOf(sourceOf([await dataOf(6)]), ["itm"]).step(0, 1);
  for (const { pixel_values } of microBatches) {
    expect(pixel_values!.data.buffer.byteLength).toBe(elementCount(pixel_values!.shape));
  }
});

test("two processes make the same micro-batches as one", async () => {
  const data = [await dataOf(7)];
  const cut = { batch_size: 7, microBatches: 4 };
  const alone = loaderOf(sourceOf(data), ["itm", "mlm"], { ...cut, localMicroBatches: [0, 1, 2, 3] });
  const ranks = [
    [0, 1],
    [2, 3],
  ].map((localMicroBatches) => loaderOf(sourceOf(data), ["itm", "mlm"], { ...cut, localMicroBatches }));
  for (let t = 0; t < 3; t++) {
    const whole = await alone.step(t, 3);
    const parts = await Promise.all(ranks.map((loader) => loader.step(t, 3)));
    expect(parts.flatMap(({ microBatches }) => microBatches.map(plain))).toEqual(whole.microBatches.map(plain));
    expect(whole.microBatches.map(({ itm_texts }) => itm_texts!.shape[0])).toEqual([1, 2, 2, 2]);
  }
});

test("samples follow one another from epoch to epoch, each once in each", async () => {
  const source = sourceOf([await dataOf(4)], { transform: "blip" });
  const loader = loaderOf(source, ["mlm"], { batch_size: 3 });
  const seen: string[] = [];
  for (let t = 0; t < 4; t++) seen.push(...(await loader.step(t, 4)).images);
  const epochs = [seen.slice(0, 4), seen.slice(4, 8), seen.slice(8)];
  for (const epoch of epochs) expect(new Set(epoch).size).toBe(4);
  expect(epochs[0]).not.toEqual(epochs[1]);
});

test("an error of a prefetched step is thrown when the step is requested", async () => {
  let gone = false;
  const data = await dataOf(12);
  const vanishing: Dataset = {
    ...data,
    images: (row) =>
      data
        .images(row)
        .map(({ name, read }) => ({ name, read: () => (gone ? Promise.reject(new Error("gone")) : read()) })),
  };
  const loader = loaderOf(sourceOf([vanishing]), ["mlm"], { batch_size: 2 });
  await loader.step(0, 6);
  gone = true;
  await loader.step(1, 6).catch(() => undefined);
  await loader.step(2, 6).catch(() => undefined);
  await expect(loader.step(5, 6)).rejects.toThrow("gone");
});
