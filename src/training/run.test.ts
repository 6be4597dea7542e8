/** Runs in this process, from settings to results; the command's own tests start, stop and kill it. */
import { existsSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test, vi } from "vitest";
import { openDataset } from "../data/index.js";
import { ranksInMemory } from "../distributed/in-memory.test-support.js";
import { evaluate } from "../evaluation/index.js";
import { BridgeTower } from "../inference/index.js";
import { train, type TrainOptions, type TrainResult } from "./run.js";
import { trainingSettings, type TrainingInput } from "./run-settings.js";
import { logOf, makePairs, temporaryFolder, tinySettings } from "./tiny-run.test-support.js";

async function pairs(): Promise<string> {
  const root = await temporaryFolder();
  await makePairs(root);
  return root;
}

type Json = Readonly<Record<string, unknown>>;

const json = async (path: string): Promise<Json> => JSON.parse(await readFile(path, "utf8")) as Json;
const logIn = (output: string) => logOf(output) as Promise<Json[]>;
const weightsIn = (folder: string) => readFile(join(folder, "model.safetensors"));
const checkpointsIn = async (output: string) =>
  (await readdir(output)).filter((name) => name.startsWith("checkpoint-")).sort();

interface Run extends TrainResult {
  readonly warnings: readonly string[];
}

async function runIn(root: string, changes: Partial<TrainingInput> = {}, options: TrainOptions = {}): Promise<Run> {
  const warnings: string[] = [];
  const result = await train(tinySettings(root, changes), { onWarning: (line) => warnings.push(line), ...options });
  return { ...result, warnings };
}

const validated = (root: string): Partial<TrainingInput> => ({
  data: { train: join(root, "pairs"), validation: join(root, "pairs") },
  val_check_interval: 2,
  max_steps: 8,
});

test("a run leaves its best model, its results and its log, and a finished run is not repeated", async () => {
  const root = await pairs();
  const validations: [number, number][] = [];
  const result = await runIn(
    root,
    { ...validated(root), save_total_limit: 1 },
    { onValidation: ({ itm_accuracy, mlm_accuracy }, step) => validations.push([step, itm_accuracy! + mlm_accuracy!]) },
  );
  const { output } = result;
  expect(validations.map(([step]) => step)).toEqual([2, 4, 6, 8]);
  const most = Math.max(...validations.map(([, metric]) => metric));
  const [best] = validations.findLast(([, metric]) => metric === most)!;
  expect(result).toMatchObject({ steps: 8, maxSteps: 8, interrupted: false, warnings: [] });
  expect(result.bestCheckpoint).toBe(join(output, `checkpoint-${best}`));
  expect(result.lastCheckpoint).toBe(join(output, "checkpoint-8"));
  // The last and the best are kept.
  expect(await checkpointsIn(output)).toEqual([...new Set([`checkpoint-${best}`, "checkpoint-8"])].sort());
  expect((await weightsIn(output)).equals(await weightsIn(result.bestCheckpoint!))).toBe(true);

  const state = await json(join(output, "checkpoint-8", "trainer_state.json"));
  expect(state).toMatchObject({ global_step: 8, max_steps: 8, epoch: 2, num_train_epochs: 2 });
  const trainResults = await json(join(output, "train_results.json"));
  expect(trainResults).toMatchObject({ epoch: 2, global_step: 8 });
  expect(trainResults.train_runtime).toBeGreaterThan(0);
  expect(await json(join(output, "eval_results.json"))).toEqual(result.results);
  expect(result.results.itm_accuracy! + result.results.mlm_accuracy!).toBe(most);
  expect(await readFile(join(output, "curves.svg"), "utf8")).toMatch(/^<svg/);
  const log = await logIn(output);
  expect(log.filter((line) => "loss" in line).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(log.find(({ step, eval_the_metric }) => step === best && eval_the_metric !== undefined)).toMatchObject({
    eval_the_metric: most,
    eval_itm_accuracy: result.results.itm_accuracy,
  });

  const model = await BridgeTower.fromPretrained(output);
  const [image] = (await readdir(join(root, "pairs"))).filter((name) => name.endsWith(".png"));
  const [match] = await model.match([join(root, "pairs", image!)], ["a red image"]);
  expect(match).toBeDefined();
  await model.dispose();

  // Once more: no step is repeated, and no file is lost.
  const again = await runIn(root, { ...validated(root), save_total_limit: 1 });
  expect(again).toMatchObject({
    steps: 8,
    interrupted: false,
    bestCheckpoint: result.bestCheckpoint,
    results: result.results,
  });
  expect(await json(join(output, "train_results.json"))).toEqual(trainResults);
  expect(await logIn(output)).toEqual(log);
  expect(await checkpointsIn(output)).toHaveLength(best === 8 ? 1 : 2);

  // The best of the existing checkpoints counts.
  if (best === 8) return;
  await rm(result.bestCheckpoint!, { recursive: true });
  const without = await runIn(root, { ...validated(root), save_total_limit: 1 });
  expect(without.bestCheckpoint).toBe(join(output, "checkpoint-8"));
  expect((await weightsIn(output)).equals(await weightsIn(without.bestCheckpoint!))).toBe(true);
});

test("a finished run is skipped without its checkpoints, data and start, and nothing of it is written again", async () => {
  const root = await pairs();
  const settings = { ...validated(root), max_steps: 2 };
  const { output, results, warnings } = await runIn(root, settings);
  expect(warnings).toEqual([]);
  for (const name of await checkpointsIn(output)) await rm(join(output, name), { recursive: true });
  await rename(join(root, "pairs"), join(root, "moved"));
  await writeFile(join(output, "eval_results.json"), "notes");
  const names = (await readdir(output)).sort();
  const [log, weights] = [await logIn(output), await weightsIn(output)];
  const skipped = { steps: 2, maxSteps: 2, interrupted: false, results, bestCheckpoint: undefined };
  expect(await runIn(root, settings)).toMatchObject(skipped);
  const ranks = ranksInMemory(2).map((collective) => train(tinySettings(root, settings), { collective }));
  for (const result of await Promise.all(ranks)) expect(result).toMatchObject(skipped);
  expect((await readdir(output)).sort()).toEqual(names);
  expect(await readFile(join(output, "eval_results.json"), "utf8")).toBe("notes");
  expect([await logIn(output), (await weightsIn(output)).equals(weights)]).toEqual([log, true]);
  // Other settings do not replace it.
  await expect(runIn(root, { ...settings, seed: 1 })).rejects.toThrow(
    "run: expected the settings of the finished run, found other values of seed. Restore them, or choose another output folder.",
  );
  // Without its model it is trained again, and its log is kept.
  await rename(join(root, "moved"), join(root, "pairs"));
  await rm(join(output, "model.safetensors"));
  expect(await runIn(root, settings)).toMatchObject({ steps: 2, results });
  expect(await readdir(output)).toContain("log.1.jsonl");
  expect(await logIn(output)).toEqual(log);
});

test("a validation that was interrupted is repeated when the run resumes", async () => {
  const root = await pairs();
  const data = { train: join(root, "pairs"), validation: [join(root, "pairs"), join(root, "pairs")] };
  const settings = { ...validated(root), data, max_steps: 4, validation: { limit: 4 } };
  const whole = await runIn(root, { ...settings, output: join(root, "whole") });
  const halted = new AbortController();
  let last = 0;
  const stopped = await runIn(root, settings, {
    signal: halted.signal,
    onStep: ({ step }) => (last = step),
    // Between the two data sets.
    onValidationProgress: () => last === 2 && halted.abort(),
  });
  expect(stopped).toMatchObject({ steps: 2, interrupted: true, lastCheckpoint: join(root, "run", "checkpoint-2") });
  expect((await logIn(join(root, "run"))).filter((line) => "eval_the_metric" in line)).toHaveLength(0);
  const rest = await runIn(root, settings);
  expect(await logIn(join(root, "run"))).toEqual(await logIn(whole.output));
  expect((await weightsIn(rest.output)).equals(await weightsIn(whole.output))).toBe(true);
});

test("an option that does not exist is refused", async () => {
  const onlog = { onlog: () => undefined } as object;
  await expect(train(tinySettings("none"), onlog)).rejects.toThrow(
    /^train: expected one of the options .*, found "onlog"\. The nearest is onLog/,
  );
});

test.each(["onStep", "onLog", "onValidation", "onValidationProgress", "onWarning"] as const)(
  "an error of %s rejects the call, and the folder is released",
  async (name) => {
    const root = await pairs();
    const problem = new Error("no screen");
    const throwing = () => {
      throw problem;
    };
    // The unknown field of the config is a warning.
    const config = { ...tinySettings(root).config, hiden_size: 3 };
    const settings = { ...validated(root), config, max_steps: 2 };
    await expect(runIn(root, settings, { [name]: throwing })).rejects.toBe(problem);
    if (name !== "onWarning") {
      const again = { ...settings, output: join(root, "again") };
      await expect(runIn(root, again, { [name]: () => Promise.reject(problem) })).rejects.toBe(problem);
    }
    expect(existsSync(join(root, "run", "run.lock"))).toBe(false);
  },
);

test("a run adds at most one listener to its signal", async () => {
  const { signal } = new AbortController();
  const added = vi.spyOn(signal, "addEventListener");
  const root = await pairs();
  await runIn(root, { ...validated(root), max_steps: 3 }, { signal });
  expect(added.mock.calls.length).toBeLessThan(2);
});

test("a validation that is interrupted at the last step leaves the run unfinished", async () => {
  const root = await pairs();
  const settings = { ...validated(root), max_steps: 2 };
  const halted = new AbortController();
  const options = { signal: halted.signal, onStep: ({ step }: { step: number }) => step === 2 && halted.abort() };
  const stopped = await runIn(root, settings, options);
  expect(stopped).toMatchObject({ steps: 2, interrupted: true, results: {} });
  expect(await readdir(stopped.output)).not.toContain("eval_results.json");
  const done = await runIn(root, settings);
  expect(done).toMatchObject({ steps: 2, interrupted: false });
  expect(Object.keys(done.results)).toContain("itm_accuracy");
  // Written although an earlier process did the steps, which was interrupted before.
  expect(await json(join(done.output, "train_results.json"))).toEqual({ epoch: 0.5, global_step: 2 });
});

/** A rate at which the second step has no finite gradient. */
const explosive = { learning_rate: 1e30, max_steps: 6, save_steps: 1, objectives: { itm: 1 } };

test("a gradient that is not finite ends the run with the step, the images and a hint", async () => {
  const root = await pairs();
  const error: unknown = await runIn(root, explosive).catch((reason: unknown) => reason);
  const message = (error as Error).message.replaceAll(root, "").replace(/gradient of [\w.]*\w/, "gradient of X");
  expect(message).toMatch(
    /^step 2 with the images \/pairs\/\w+-\w+\.png, .* and 1 more: expected finite losses and gradients, found NaN or infinity in the gradient of X\. Start another run from \/run\/checkpoint-1 with a lower learning_rate or a longer warm-up, or set non_finite to skip\.$/,
  );
  // Earlier steps are saved, and the folder is not locked.
  expect(await checkpointsIn(join(root, "run"))).toEqual(["checkpoint-1"]);
  expect(await readdir(join(root, "run"))).not.toContain("run.lock");
  // With the option the same run resumes; skipped steps are reported and counted.
  const skipping = await runIn(root, { ...explosive, non_finite: "skip" });
  expect(skipping.steps).toBe(6);
  expect(skipping.warnings).toHaveLength(5);
  expect(skipping.warnings[0]).toMatch(/^step 2 was skipped: NaN or infinity in the gradient of [\w.]+$/);
  const log = await logIn(join(root, "run"));
  expect(log.map(({ skipped_steps }) => skipped_steps)).toEqual([undefined, 1, 1, 1, 1, 1]);
  expect(log[1]).not.toHaveProperty("loss");
});

test("too many consecutive non-finite steps always end the run", async () => {
  const root = await pairs();
  await expect(runIn(root, { ...explosive, non_finite: "skip", max_steps: 40, save_steps: 100 })).rejects.toThrow(
    /^step 22 with the images /,
  );
});

test("broken images are named, counted in their steps, and do not change a resumed run", async () => {
  const root = await pairs();
  const names = (await readdir(join(root, "pairs"))).filter((name) => name.endsWith(".png")).sort();
  for (const name of names.slice(0, 3)) await writeFile(join(root, "pairs", name), "no image");
  const settings = { max_steps: 8, save_steps: 1, log_every_n_steps: 3 };
  const whole = await runIn(root, { ...settings, output: join(root, "whole") });
  const log = await logIn(whole.output);
  expect(log.reduce((sum, { broken_pictures = 0 }) => sum + (broken_pictures as number), 0)).toBeGreaterThan(3);
  const named = whole.warnings.map((line) => /^left out an image: .*\/([\w-]+\.png): expected/.exec(line)?.[1]);
  expect([...named].sort()).toEqual(names.slice(0, 3));
  for (const stop of [2, 5]) {
    const halted = new AbortController();
    const { warnings } = await runIn(root, settings, {
      signal: halted.signal,
      onStep: ({ step }) => void (step === stop && halted.abort()),
    });
    // Prefetched steps are not reported as broken.
    expect(warnings.filter((line) => !names.slice(0, 3).some((name) => line.includes(name)))).toEqual([]);
  }
  await runIn(root, settings);
  expect(await logIn(join(root, "run"))).toEqual(log);
});

test("two processes write the same files as one, with the broken images of both", async () => {
  const root = await pairs();
  const names = (await readdir(join(root, "pairs"))).filter((name) => name.endsWith(".png")).sort();
  for (const name of names.slice(0, 3)) await writeFile(join(root, "pairs", name), "no image");
  const settings = { max_steps: 4, per_gpu_batchsize: 3, output: join(root, "two") };
  const warnings: string[][] = [[], []];
  const results = await Promise.all(
    ranksInMemory(2).map((collective, rank) =>
      train(tinySettings(root, settings), { collective, onWarning: (line) => warnings[rank]!.push(line) }),
    ),
  );
  expect(results.map(({ steps, interrupted }) => [steps, interrupted])).toEqual([
    [4, false],
    [4, false],
  ]);
  await runIn(root, { ...settings, output: join(root, "one") });
  const counts = async (output: string) => (await logIn(join(root, output))).map((line) => line.broken_pictures ?? 0);
  expect(await counts("two")).toEqual(await counts("one"));
  expect(warnings[0]!.length).toBeGreaterThan(0);
  expect(warnings[1]).toEqual([]);
  // In one process, all pairs of a step are in other micro-batches than before.
  const more = { ...settings, per_gpu_batchsize: 0, output: join(root, "other") };
  await Promise.all(
    ranksInMemory(2).map((collective, rank) => {
      const halted = new AbortController();
      const onStep = () => rank === 0 && halted.abort();
      return train(tinySettings(root, more), { collective, signal: halted.signal, onStep });
    }),
  );
  expect((await runIn(root, more)).warnings).toContain(
    "the run resumes with another number of processes (2 micro-batches before, 1 now in a step): random choices differ",
  );
});

test.each(["vit", "blip", "clip"] as const)(
  "the model of a run with val_transform %s is evaluated as its validation was",
  async (val_transform) => {
    const root = await pairs();
    const name = (await readdir(join(root, "pairs"))).find((name) => name.endsWith(".png"))!;
    // Wide, so that cutting and stretching differ.
    const wide = sharp({ create: { width: 60, height: 16, channels: 3, background: "#d03030" } })
      .composite([{ input: { create: { width: 20, height: 16, channels: 3, background: "#fff" } }, left: 0, top: 0 }])
      .png();
    await wide.toFile(join(root, "pairs", name));
    // The captions have more than five tokens.
    const settings = { ...validated(root), max_steps: 2, val_transform, max_text_len: 5 };
    const { output, results } = await runIn(root, settings);
    const data = await openDataset(join(root, "pairs"));
    const evaluated = await evaluate({ model: output, data, metrics: ["itm", "mlm"] });
    await data.close();
    expect(evaluated.results).toEqual(results);
  },
);

test("ranks share a validation, and an interruption of one rank stops the run on all", async () => {
  const root = await pairs();
  const settings = { ...validated(root), per_gpu_batchsize: 3, max_steps: 2 };
  const run = (output: string, optionsOf: (rank: number) => TrainOptions = () => ({})) =>
    Promise.all(
      ranksInMemory(2).map((collective, rank) =>
        train(tinySettings(root, { ...settings, output: join(root, output) }), { collective, ...optionsOf(rank) }),
      ),
    );
  const [zero] = await run("shared");
  const model = zero!.bestCheckpoint!;
  const data = await openDataset(join(root, "pairs"));
  const { max_text_len: maxTextLength } = trainingSettings(tinySettings(root, settings));
  const options = { metrics: ["itm", "mlm"], transform: "blip", maxTextLength } as const;
  const { results } = await evaluate({ model, data, ...options });
  await data.close();
  for (const [name, value] of Object.entries(results)) expect(zero!.results[name], name).toBe(value);
  const stopped = new AbortController();
  const onValidationProgress = () => stopped.abort();
  const ends = await run("stopped", (rank) => (rank === 1 ? { signal: stopped.signal, onValidationProgress } : {}));
  expect(ends.map(({ steps, interrupted }) => [steps, interrupted])).toEqual([
    [2, true],
    [2, true],
  ]);
  const [resumed] = await run("stopped");
  expect(resumed!.results).toEqual(zero!.results);
});

test("ranks with other data or settings get an error that names them, before the first step", async () => {
  const root = await pairs();
  const table = join(root, "pairs", "pairs.jsonl");
  const lines = (await readFile(table, "utf8")).trimEnd().split("\n");
  const fewer = join(root, "pairs", "fewer.jsonl");
  await writeFile(fewer, lines.slice(0, -4).join("\n"));
  const messages = async (changes: Partial<TrainingInput>) => {
    const runs = ranksInMemory(2).map((collective, rank) =>
      train(tinySettings(root, { data: { train: table }, ...(rank === 1 ? changes : {}) }), { collective }),
    );
    return (await Promise.allSettled(runs)).map((end) => String((end as PromiseRejectedResult).reason));
  };
  const rows = `rows in data.train, number 1,`;
  for (const message of await messages({ data: { train: fewer } })) {
    expect(message).toMatch(`InputError: ${rows} `);
    expect(message).toMatch(` of rank 1: expected `);
  }
  for (const message of await messages({ save_steps: 3 })) {
    expect(message).toBe(
      "InputError: save_steps of rank 1: expected none, as on rank 0, found 3. " +
        "Start all ranks with the same files and settings.",
    );
  }
});

test("a validation without the needed texts is an error before the first step", async () => {
  const root = await pairs();
  const plain = join(root, "plain");
  await makePairs(plain);
  const table = join(plain, "pairs", "pairs.jsonl");
  const lines = (await readFile(table, "utf8")).trimEnd().split("\n");
  const captions = lines.map((line) => {
    const { image, captions } = JSON.parse(line) as { image: string; captions: string[] };
    return JSON.stringify({ image, captions });
  });
  await writeFile(table, captions.join("\n"));
  const data = { train: join(root, "pairs"), validation: join(plain, "pairs") };
  await expect(runIn(root, { data, objectives: { snli: 1, itm: 1 } })).rejects.toThrow(
    /^data\.validation: .*: expected hypotheses, which snli evaluates, found no hypotheses\. Choose another data set, or other metrics in validation\.metrics\.$/,
  );
  await expect(runIn(root, { data: { train: data.train, validation: join(root, "none") } })).rejects.toThrow(/none/);
  expect(await checkpointsIn(join(root, "run"))).toEqual([]);
  const { results } = await runIn(root, {
    data: { train: data.train, validation: [data.train, data.validation] },
    objectives: { snli: 1, itm: 1 },
    validation: { metrics: ["itm"], limit: 2 },
    max_steps: 1,
  });
  // Two sets with the same name are distinguished.
  expect(Object.keys(results)).toEqual(
    expect.arrayContaining(["itm_accuracy", "pairs_2_itm_accuracy", "rows", "pairs_2_rows"]),
  );
  expect(results.rows).toBe(2);
});

test("a run that was moved resumes, with its best checkpoint", async () => {
  const root = await pairs();
  const settings = { ...validated(root), max_steps: 4 };
  const halted = new AbortController();
  await runIn(root, settings, { signal: halted.signal, onStep: ({ step }) => void (step === 3 && halted.abort()) });
  await rename(join(root, "run"), join(root, "moved"));
  const { bestCheckpoint, steps } = await runIn(root, { ...settings, output: join(root, "moved") });
  expect(steps).toBe(4);
  expect(bestCheckpoint).toMatch(/moved\/checkpoint-\d$/);
});

test("validations of other settings are not compared, and a resumed run says so", async () => {
  const root = await pairs();
  const halted = new AbortController();
  await runIn(
    root,
    { ...validated(root), max_steps: 4, validation: { limit: 4, best_metric: "itm_accuracy" } },
    {
      signal: halted.signal,
      onStep: ({ step }) => void (step === 3 && halted.abort()),
    },
  );
  const { bestCheckpoint, warnings, results } = await runIn(root, {
    ...validated(root),
    max_steps: 4,
    validation: { best_metric: "itm_accuracy" },
  });
  expect(warnings.join()).toContain("1 earlier validations had other settings or data: they do not count");
  expect(bestCheckpoint).toMatch(/checkpoint-4$/);
  expect(results.rows).toBe(12);
  const validations = (await logIn(join(root, "run"))).filter((line) => "eval_the_metric" in line);
  expect(new Set(validations.map((line) => line.eval_settings_hash)).size).toBe(2);
});

test("a run whose data has changed is not resumed", async () => {
  const root = await pairs();
  const table = join(root, "pairs", "pairs.jsonl");
  const settings = { data: { train: table }, max_steps: 4 };
  const halted = new AbortController();
  await runIn(root, settings, { signal: halted.signal, onStep: ({ step }) => void (step === 2 && halted.abort()) });
  const text = await readFile(table, "utf8");
  await writeFile(table, text.trimEnd().split("\n").slice(0, -4).join("\n"));
  await expect(runIn(root, settings)).rejects.toThrow(
    /checkpoint-2: expected the data that the run started with, found 8 rows in data\.train, number 1, pairs\.jsonl instead of 12\. Restore it, or/,
  );
  // Equal counts, other texts.
  await writeFile(table, text.replace(/"captions":\["/, '"captions":["not '));
  await expect(runIn(root, settings)).rejects.toThrow("hash of the texts in data.train");
  await writeFile(table, text);
  expect((await runIn(root, settings)).steps).toBe(4);
});
