/** Default metrics, options that must not change numbers, and errors. */
import { expect, test, vi } from "vitest";
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import type { Head } from "../model/index.js";
import { LoadedModel } from "../inference/index.js";
import { tinyConfig } from "../inference/tiny-checkpoint.test-support.js";
import { evaluate, type EvaluateOptions, type Metric } from "./index.js";
import { memoryData, type MemoryRow } from "./memory-data.test-support.js";
import { checkpoint, data, named, image, resultsOf, rows } from "./tiny-rows.test-support.js";

test("by default, all that both data set and checkpoint allow", async () => {
  const chosen = async (model: string, some = data) => (await evaluate({ model, data: some, limit: 2 })).metrics;
  expect(await chosen(await checkpoint())).toEqual([
    "itm",
    "facet",
    "itc",
    "mlm",
    "vqa",
    "snli",
    "nlvr2",
    "irtr",
    "retrieval",
  ] satisfies Metric[]);
  expect(await chosen(await checkpoint(named, ["itm", "snli", "rank"]))).toEqual(["itm", "facet", "snli", "irtr"]);
  expect(await chosen(await checkpoint(named, ["mlm"]))).toEqual(["mlm"]);
  const questions = memoryData(rows.map(({ images, questions }) => ({ images, questions: questions! })));
  expect(await chosen(await checkpoint(), questions)).toEqual(["vqa"]);
});

test("numbers do not depend on other metrics and the limit", async () => {
  const model = await checkpoint();
  const all = await resultsOf({ model });
  const alone = await resultsOf({ model, metrics: ["itm", "mlm"] });
  for (const [name, value] of Object.entries(alone)) expect(all[name], name).toBeCloseTo(value, 6);
  const [one, two] = [
    await resultsOf({ model, metrics: ["itm"], limit: 1 }),
    await resultsOf({ model, metrics: ["itm"], limit: 2 }),
  ];
  const [sumOfOne, sumOfTwo] = [one, two].map(({ itm_loss, itm_samples }) => itm_loss! * itm_samples!);
  // The second row has two captions: what it adds is its result without the image of the first row.
  const broken = memoryData(rows.map((row, i) => (i === 0 ? { ...row, images: [new Uint8Array(8)] } : row)));
  const second = await resultsOf({ model, data: broken, metrics: ["itm"], limit: 2 });
  expect(sumOfTwo! - sumOfOne!).toBeCloseTo(second.itm_loss! * second.itm_samples!, 5);
});

test("the first captions of each row only: the others are not evaluated, and are not false captions of their row", async () => {
  const model = await checkpoint();
  const metrics = ["facet", "itc", "mlm", "retrieval"] as const;
  const twoEach = memoryData(rows.map((row) => ({ ...row, captions: row.captions!.slice(0, 2) })));
  const [first, same] = [
    await resultsOf({ model, metrics, captionsPerRow: 2 }),
    await resultsOf({ model, metrics, data: twoEach }),
  ];
  expect(first).toEqual(same);
  expect(first.itc_pairs).toBe(8);
  expect(await resultsOf({ model, metrics: ["itm", "irtr"], captionsPerRow: 3 })).toEqual(
    await resultsOf({ model, metrics: ["itm", "irtr"] }),
  );
  const shared = memoryData([
    { images: rows[0]!.images, captions: ["a cat", "a dog"] },
    { images: rows[1]!.images, captions: ["a dog"] },
  ]);
  // The first image has no false caption, whose second caption is the only other one.
  const samples = { model, data: shared, metrics: ["itm"], captionsPerRow: 1 } as const;
  expect((await resultsOf(samples)).itm_samples).toBe(2);
});

test("the same numbers however rows and texts are grouped", async () => {
  const model = await checkpoint();
  const settings = { model, contrastBatchSize: 3, kTest: 2 };
  const together = await resultsOf(settings);
  for (const size of [1, 2]) {
    const chunkSize = vi.spyOn(LoadedModel.prototype, "chunkSize", "get").mockReturnValue(size);
    const apart = await resultsOf(settings);
    chunkSize.mockRestore();
    expect(Object.keys(apart)).toEqual(Object.keys(together));
    for (const [name, value] of Object.entries(apart)) expect(value, name).toBeCloseTo(together[name]!, 5);
  }
});

test("the transforms of training, by name", async () => {
  const model = await checkpoint();
  const settings = { model, metrics: ["itm", "itc"] } as const;
  const [blip, again, clip] = [
    await resultsOf({ ...settings, transform: "blip" }),
    await resultsOf({ ...settings, transform: "blip" }),
    await resultsOf({ ...settings, transform: "clip" }),
  ];
  expect(again).toEqual(blip);
  // The images are 40 × 32: one squeezes them, the other crops them.
  expect(clip.itc_loss).not.toBe(blip.itc_loss);
});

test("broken images are left out, counted and named", async () => {
  const bytes = Buffer.from(await image(3));
  const damaged: MemoryRow[] = [
    rows[0]!,
    { ...rows[1]!, images: [bytes.subarray(0, 40)] },
    { ...rows[2]!, images: ["/nowhere/image.png"] },
    rows[3]!,
  ];
  const model = await checkpoint();
  const metrics = ["itm", "retrieval"] as const;
  const missing = memoryData(damaged);
  const source = { ...missing, images: (row: number) => (row === 2 ? [failing] : missing.images(row)) };
  const failing = {
    name: "shard.parquet row 2",
    read: () =>
      Promise.reject(
        new InputError({ code: "missing-data", where: "shard.parquet row 2", expected: "an image", found: "null" }),
      ),
  };
  const { results, skipped } = await evaluate({ model, data: source, metrics });
  expect(results).toMatchObject({
    rows: 2,
    skipped_images: 2,
    retrieval_images: 2,
    retrieval_texts: 2,
    itm_samples: 4,
  });
  expect(skipped.map(({ name }) => name).sort()).toEqual(["pairs row 1 image 0", "shard.parquet row 2"]);
  const none = memoryData([damaged[1]!]);
  await expect(evaluate({ model, data: none, metrics: ["mlm"] })).rejects.toThrow(
    /^pairs: expected images that can be read, found none in 1; the first: pairs row 0 image 0: /,
  );
});

test("images go through the transform that is given", async () => {
  const model = await checkpoint();
  const size = (tinyConfig() as { vision_config: { image_size: number } }).vision_config.image_size;
  const grey = new HostTensor("float32", [3, size, size], new Float32Array(3 * size * size));
  const results = await resultsOf({ model, metrics: ["retrieval"], transform: () => grey });
  // All images are the same: the first one is found by every text.
  expect(results.ir_r1).toBeCloseTo(1 / data.counts.captions.reduce((a, b) => a + b), 9);
  const small = () => new HostTensor("float32", [3, 2, 2], new Float32Array(12));
  await expect(evaluate({ model, data, transform: small })).rejects.toThrow(
    `transform: expected images of [3, ${size}, ${size}], the image size of the checkpoint, found [3, 2, 2].`,
  );
});

test.each<[string, Partial<EvaluateOptions>, RegExp]>([
  ["no rows", { data: memoryData([]) }, /^rows of pairs: expected a whole number, 1 or more, found 0/],
  [
    "no texts of the kind",
    { data: memoryData([{ images: [], captions: ["a"] }]), metrics: ["facet"] },
    /^pairs: expected captions and negatives, which facet evaluates, found no negatives/,
  ],
  ["no texts", { data: memoryData([{ images: [] }]) }, /found no texts/],
  ["no head", { metrics: ["vqa"] }, /saved without that head/],
  ["no head for retrieval", { metrics: ["retrieval"] }, /saved without that head/],
  ["no ranking head", { metrics: ["retrieval"], rankBy: "rank_output" }, /saved without that head/],
  ["no metric", { metrics: [] }, /metrics: expected at least one of itm, facet/],
  [
    "rows without images",
    { data: memoryData([{ images: [], captions: ["a"] }]) },
    /images of row 0 of pairs: expected an array with at least one image, found \[\]/,
  ],
  ["a limit of 0", { limit: 0 }, /^limit: expected a whole number, 1 or more, found 0/],
  ["one candidate", { candidates: 1 }, /^candidates: expected a whole number, 2 or more, found 1/],
  ["no captions", { captionsPerRow: 0 }, /^captionsPerRow: expected a whole number, 1 or more, found 0/],
  ["half a candidate", { kTest: 0.5 }, /^kTest: expected a whole number, 0 or more, found 0\.5/],
  ["texts too long", { maxTextLength: 1000 }, /^maxTextLength: expected at most \d+ tokens/],
  ["a seed in words", { seed: NaN }, /^seed: expected a whole number/],
])("%s: an error that says so", async (_, settings, expected) => {
  const model = await checkpoint({}, ["itm"]);
  const failure = evaluate({ model, data, ...settings });
  await expect(failure).rejects.toBeInstanceOf(InputError);
  await expect(failure).rejects.toThrow(expected);
});

test.each<[Partial<EvaluateOptions> & { readonly heads?: readonly Head[] }, string]>([
  [{ kTest: 2, metrics: ["itm"] }, "kTest: expected the metric retrieval, found itm."],
  [{ kTest: 2, metrics: ["retrieval"], heads: ["itc"] }, "kTest: expected a checkpoint with the head for ITM"],
  [{ kTest: 2, rankBy: "rank_output", metrics: ["retrieval"] }, "kTest: expected ranking by similarity"],
  [{ kTest: 2, heads: ["itm"] }, "kTest: expected the metric retrieval, found itm, facet."],
  [{ rankBy: "similarity", metrics: ["mlm"] }, "rankBy: expected the metric retrieval, found mlm."],
  [{ candidates: 2, metrics: ["itc"] }, "candidates: expected the metric retrieval, found itc."],
  [{ imageChunks: 2, metrics: ["retrieval"] }, "imageChunks: expected retrieval that fuses pairs"],
  [{ textChunks: 2, metrics: ["retrieval"] }, "textChunks: expected retrieval that fuses pairs"],
  [{ textChunks: 2, metrics: ["vqa"] }, "textChunks: expected the metric retrieval, found vqa."],
  [{ contrastBatchSize: 4, metrics: ["itm"] }, "contrastBatchSize: expected the metric itc, found itm."],
  [{ falseTexts: 4, metrics: ["itm"] }, "falseTexts: expected the metric irtr, found itm."],
  [{ answers: ["yes"], metrics: ["itm"] }, "answers: expected the metric vqa, found itm."],
  [{ captionsPerRow: 1, metrics: ["vqa", "snli"] }, "captionsPerRow: expected a metric of captions, found vqa, snli."],
])("an option that would change nothing is refused by name: %j", async ({ heads, ...options }, expected) => {
  const model = await checkpoint(named, heads);
  const failure = evaluate({ model, data, limit: 1, ...options });
  await expect(failure).rejects.toMatchObject({ code: "invalid-setting" });
  await expect(failure).rejects.toThrow(expected);
});

test("more candidates than rows with captions are an error", async () => {
  const some = memoryData([...rows, { images: rows[0]!.images, questions: rows[0]!.questions! }]);
  const settings = { model: await checkpoint(), data: some, candidates: 6 };
  await expect(evaluate(settings)).rejects.toThrow(
    "candidates: expected at most 5, the rows of pairs that have captions, found 6.",
  );
  const withoutRetrieval = evaluate({ ...settings, metrics: ["vqa"] });
  await expect(withoutRetrieval).rejects.toThrow("candidates: expected the metric retrieval, found vqa.");
});

test("statements about one image are an error", async () => {
  const single = memoryData([{ images: [rows[0]!.images[0]!], statements: [{ text: "a", label: 1 }] }]);
  await expect(evaluate({ model: await checkpoint(), data: single })).rejects.toThrow(
    "row 0 of pairs: expected two images for its statements, found 1.",
  );
});

test("a signal ends the work with its reason, and progress is reported", async () => {
  const model = await checkpoint();
  const stop = new AbortController();
  const reported: string[] = [];
  const onProgress = (stage: string, done: number, total: number) => reported.push(`${stage} ${done}/${total}`);
  await evaluate({ model, data, metrics: ["retrieval"], kTest: 1, onProgress });
  expect(reported[0]).toBe("rows 5/5");
  expect(reported.at(-1)).toMatch(/^pairs (\d+)\/\1$/);
  stop.abort(new Error("enough"));
  await expect(evaluate({ model, data, signal: stop.signal })).rejects.toThrow("enough");
});

test.each(["rows", "pairs"])("an error of onProgress for %s rejects the call, thrown or rejected", async (wanted) => {
  const problem = new Error("no screen");
  const model = await checkpoint();
  const throwing = (stage: string) => {
    if (stage === wanted) throw problem;
  };
  const rejecting = (stage: string) => (stage === wanted ? Promise.reject(problem) : undefined);
  for (const onProgress of [throwing, rejecting]) {
    await expect(evaluate({ model, data, metrics: ["retrieval"], kTest: 1, onProgress })).rejects.toBe(problem);
  }
});

test("many concurrent evaluations add one listener to the signal that they share", async () => {
  const { signal } = new AbortController();
  const added = vi.spyOn(signal, "addEventListener");
  const model = await checkpoint();
  await Promise.all(Array.from({ length: 3 }, () => evaluate({ model, data, metrics: ["itm"], limit: 2, signal })));
  expect(added.mock.calls.length).toBeLessThan(2);
});
