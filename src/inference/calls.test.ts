/** What all calls of the API share: signals, callbacks, texts that are too long, calls at the same time, disposal. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { InputError } from "../errors.js";
import { BridgeTower, BridgeTowerModel, BridgeTowerProcessor, defaultModel, exportOnnx } from "./index.js";

const path = (name: string) => join(import.meta.dirname, "../../examples/images", name);
const images = ["000.png", "003.png", "010.png"].map(path);
const long = `a fox ${"and a very long tail ".repeat(40)}`;
const texts = ["a fox", "a razor and a volleyball on the <mask>", "a bowling ball", "two phones"];

const warnings: string[] = [];
const model = await BridgeTower.fromPretrained(undefined, { onWarning: (message) => warnings.push(message) });
afterAll(() => model.dispose());

const calls: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>> = {
  match: (signal) => model.match(images, texts, { signal }),
  fillMask: (signal) => model.fillMask(images[0]!, texts[1]!, { signal }),
  embedText: (signal) => model.embedText(texts, { signal }),
  embedImage: (signal) => model.embedImage(images, { signal }),
  embedPair: (signal) => model.embedPair(images, texts.slice(0, 3), { signal }),
  answer: (signal) => model.answer(images[0]!, texts, { signal }),
  entail: (signal) => model.entail(images[0]!, texts, { signal }),
  compare: (signal) => model.compare(images[0]!, images[1]!, texts, { signal }),
};

test.each(Object.keys(calls))(
  "%s: an aborted signal rejects the call with its reason, before and during it",
  async (name) => {
    const reason = new Error("stopped");
    await expect(calls[name]!(AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const call = calls[name]!(controller.signal);
    controller.abort("not an error");
    await expect(call).rejects.toBe("not an error");
    // The model is as good as before.
    await expect(calls[name]!(new AbortController().signal)).resolves.toBeDefined();
  },
);

test("a match that is aborted by its progress stops", async () => {
  const controller = new AbortController();
  const seen: number[] = [];
  const onProgress = (done: number) => {
    seen.push(done);
    controller.abort(new Error("enough"));
  };
  await expect(model.match(images, texts, { signal: controller.signal, onProgress })).rejects.toThrow("enough");
  // The queue of the session worker is empty after another call, so that a late step would have been seen.
  await model.embedText("a fox");
  expect(seen.length).toBe(1);
});

test.each(["match", "embedText", "embedImage", "embedPair"] as const)(
  "%s: an error thrown by onProgress rejects the call",
  async (name) => {
    const problem = new Error("from the callback");
    const onProgress = () => {
      throw problem;
    };
    const options = { onProgress };
    const work = {
      match: () => model.match(images, texts, options),
      embedText: () => model.embedText(texts, options),
      embedImage: () => model.embedImage(images, options),
      embedPair: () => model.embedPair(images, texts.slice(0, 3), options),
    };
    await expect(work[name]()).rejects.toBe(problem);
  },
);

test("an asynchronous callback that rejects, rejects the call", async () => {
  const problem = new Error("from the callback");
  const onProgress = () => Promise.reject(problem);
  await expect(model.match(images, texts, { onProgress })).rejects.toBe(problem);
  await expect(model.embedImage(images, { onProgress })).rejects.toBe(problem);
  await expect(model.embedText(texts, { onProgress })).rejects.toBe(problem);
});

test("what another callback throws rejects the call, too", async () => {
  const problem = new Error("from the callback");
  const onWarning = () => {
    throw problem;
  };
  await using strict = await BridgeTower.fromPretrained(undefined, { onWarning, onPhotograph: onWarning });
  await expect(strict.embedText(long)).rejects.toBe(problem);
  const photograph = join(import.meta.dirname, "../processing/fixtures/chelsea.jpg");
  await expect(strict.embedImage(photograph)).rejects.toBe(problem);
  expect(await strict.embedText("a fox")).toHaveLength(128);
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-export-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await expect(exportOnnx(defaultModel, folder, { onProgress: onWarning })).rejects.toBe(problem);
  expect(await readdir(folder)).toEqual([]);
});

test("dispose rejects the calls under way and later ones as disposed", async () => {
  const scoped = await BridgeTower.fromPretrained(undefined, { prepare: ["embedText"] });
  const all = () => [
    scoped.match(images, texts),
    scoped.embedText(texts),
    scoped.fillMask(images[0]!, texts[1]!),
    scoped.embedImage(images),
    scoped.answer(images[0]!, texts),
  ];
  // Once while graphs are compiled and images decoded, once after all that.
  const results = Promise.allSettled(all());
  await scoped.dispose();
  await scoped.dispose();
  for (const result of [...(await results), ...(await Promise.allSettled(all()))]) {
    expect(result).toMatchObject({ status: "rejected", reason: { code: "disposed", where: "model" } });
  }
});

test("a model that is disposed of between two steps of a call rejects it", async () => {
  const scoped = await BridgeTower.fromPretrained();
  const ends: Promise<void>[] = [];
  const onProgress = () => void ends.push(scoped.dispose());
  await expect(scoped.match(images, texts, { onProgress })).rejects.toMatchObject({ code: "disposed" });
  await Promise.all(ends);
  expect(ends).toHaveLength(1);
});

test("process and fromPretrained reject with the reason of their signal, before and during them", async () => {
  const processor = await BridgeTowerProcessor.fromPretrained(defaultModel);
  const reason = new Error("stopped");
  const works = [
    (signal: AbortSignal) => processor.process(images, "a fox", { signal }),
    (signal: AbortSignal) => BridgeTower.fromPretrained(undefined, { signal }),
    (signal: AbortSignal) => BridgeTowerModel.fromPretrained(defaultModel, { signal }),
  ];
  for (const work of works) {
    await expect(work(AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const call = work(controller.signal);
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
  }
});

test("many concurrent calls add one listener to the signal that they share", async () => {
  const { signal } = new AbortController();
  const added = vi.spyOn(signal, "addEventListener");
  const processor = await BridgeTowerProcessor.fromPretrained(defaultModel);
  const many = Array.from({ length: 12 }, () => [
    model.match(images[0]!, texts, { signal }),
    model.embedText(texts, { signal }),
    model.embedImage(images, { signal }),
    processor.process(images, "a fox", { signal }),
  ]).flat();
  await Promise.all(many);
  expect(added).toHaveBeenCalledTimes(1);
});

test("concurrent calls give the same results as sequential ones", async () => {
  const never = new AbortController().signal;
  const names = Object.keys(calls);
  const alone: unknown[] = [];
  for (const name of names) alone.push(await calls[name]!(never));
  const together = await Promise.all([...names, ...names].map((name) => calls[name]!(never)));
  expect(together).toEqual([...alone, ...alone]);
});

test("a text that is too long is cut with a warning, once a call, or refused", async () => {
  warnings.length = 0;
  await model.match(images[0]!, ["a fox", long, long]);
  await model.embedText(long);
  expect(warnings).toEqual([
    "2 of 3 texts were cut to 64 tokens, the limit of the model",
    "the text was cut to 64 tokens, the limit of the model",
  ]);
  const error: unknown = await model
    .entail(images[0]!, ["a fox", long], { truncation: "error" })
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
  expect(error).toMatchObject({
    code: "text-too-long",
    where: "text 1",
    expected: "at most 64 tokens",
    hint: 'Shorten it, or set truncation to "cut"',
  });
  await expect(model.embedText("a fox", { truncation: "never" as "cut" })).rejects.toThrow(
    'truncation: expected "cut" or "error", found "never".',
  );
});

test("await using disposes of a model", async () => {
  let used: BridgeTower;
  {
    await using scoped = await BridgeTower.fromPretrained();
    used = scoped;
    expect(await scoped.embedText("a fox")).toHaveLength(128);
  }
  await expect(used.embedText("a fox")).rejects.toMatchObject({ code: "disposed" });
});

test("forward rejects with the reason of its signal", async () => {
  await using encoder = await BridgeTowerModel.fromPretrained(defaultModel);
  const processor = await BridgeTowerProcessor.fromPretrained(defaultModel);
  const inputs = await processor.process(images[0]!, "a fox");
  const reason = new Error("stopped");
  await expect(encoder.forward(inputs, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test("an export that is aborted rejects with the reason and leaves no graph behind", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-export-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const controller = new AbortController();
  const reason = new Error("stopped");
  const onProgress = () => controller.abort(reason);
  await expect(exportOnnx(defaultModel, folder, { onProgress, signal: controller.signal })).rejects.toBe(reason);
  expect(await readdir(folder)).toEqual([]);
});

test("an option that does not exist is refused with the nearest name, in each call", async () => {
  const mistyped = { sginal: 1 } as object;
  const message = /^\w+: expected one of the options .*, found "sginal"\. The nearest is signal\.$/;
  const [image, text] = [images[0]!, texts[1]!];
  await expect(model.match(image, text, mistyped)).rejects.toThrow(message);
  await expect(model.fillMask(image, text, mistyped)).rejects.toThrow(message);
  await expect(model.embedText(text, mistyped)).rejects.toThrow(message);
  await expect(model.embedImage(image, mistyped)).rejects.toThrow(message);
  await expect(model.embedPair(image, text, mistyped)).rejects.toThrow(message);
  await expect(model.answer(image, text, mistyped)).rejects.toThrow(message);
  await expect(model.entail(image, text, mistyped)).rejects.toThrow(message);
  await expect(model.compare(image, image, text, mistyped)).rejects.toThrow(message);
  await expect(BridgeTower.fromPretrained(undefined, mistyped)).rejects.toThrow(message);
  await expect(BridgeTowerModel.fromPretrained(defaultModel, mistyped)).rejects.toThrow(message);
  await expect(exportOnnx(defaultModel, "none", mistyped)).rejects.toThrow(message);
  const processor = await BridgeTowerProcessor.fromPretrained(defaultModel);
  await expect(processor.process(images, "a fox", mistyped)).rejects.toThrow(message);
});

async function entriesOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const entries: T[] = [];
  for await (const entry of stream) entries.push(entry);
  return entries;
}

const streams: Readonly<
  Record<string, (onBrokenImage?: (error: InputError, index: number) => void) => AsyncIterable<unknown>>
> = {
  streamImageEmbeddings: (onBrokenImage) => model.streamImageEmbeddings(withMissing, { onBrokenImage }),
  streamPairEmbeddings: (onBrokenImage) => model.streamPairEmbeddings(withMissing, texts, { onBrokenImage }),
};
const withMissing = [images[0]!, "no.png", images[1]!, images[2]!];

test.each(Object.keys(streams))("%s leaves out a broken image with its index, or rejects", async (name) => {
  const broken: [number, string][] = [];
  const indices: unknown[] = [];
  const stream = streams[name]!((error, index) => broken.push([index, error.code]));
  for await (const entry of stream) indices.push((entry as [number, Float32Array])[0]);
  expect([indices, broken]).toEqual([[0, 2, 3], [[1, "file-not-found"]]]);
  await expect(entriesOf(streams[name]!())).rejects.toThrow("no.png");
  const problem = new Error("from the callback");
  const thrower = () => {
    throw problem;
  };
  await expect(entriesOf(streams[name]!(thrower))).rejects.toBe(problem);
});

test("a stream gives the embeddings of the call, with the index of each text", async () => {
  const all = await model.embedText(texts);
  const pairs = await model.embedPair(images, texts.slice(0, 3));
  expect(await entriesOf(model.streamTextEmbeddings(texts))).toEqual([...all.entries()]);
  expect(await entriesOf(model.streamPairEmbeddings(images, texts.slice(0, 3)))).toEqual([...pairs.entries()]);
});

test("streamMatch gives the scores of match in their order, a group of images at a time", async () => {
  const many = Array.from({ length: 70 }, (_, i) => (i === 66 ? "no.png" : images[i % images.length]!));
  const [broken, steps]: [number[], number[]] = [[], []];
  const onBrokenImage = (_: InputError, index: number) => broken.push(index);
  const scores = [];
  let seen: number | undefined;
  for await (const score of model.streamMatch(many, texts.slice(0, 2), {
    onBrokenImage,
    onProgress: (done, total) => void steps.push(done, total),
  })) {
    seen ??= steps.at(-2);
    scores.push(score);
  }
  expect(scores).toEqual(await model.match(many, texts.slice(0, 2), { onBrokenImage: () => undefined }));
  expect(broken).toEqual([66]);
  // The first scores are given before all are computed.
  expect([seen, ...steps.slice(-2)]).toEqual([128, 140, 140]);
  await expect(entriesOf(model.streamMatch(many, texts.slice(0, 2)))).rejects.toThrow("no.png");
});

test("match leaves out a broken image and counts it as done", async () => {
  const broken: number[] = [];
  const steps: number[] = [];
  const scores = await model.match(withMissing, texts, {
    onBrokenImage: (_, index) => broken.push(index),
    onProgress: (done) => steps.push(done),
  });
  const whole = await model.match(images, texts);
  expect(broken).toEqual([1]);
  expect(steps.at(-1)).toBe(withMissing.length * texts.length);
  expect(scores).toEqual(whole.map((score) => ({ ...score, image: [0, 2, 3][score.image] })));
});
