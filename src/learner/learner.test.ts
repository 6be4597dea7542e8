/** Whole training steps: ten steps against PyTorch, and micro-batches against one batch. */
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import {
  digestDifference,
  gradientDigest,
  readTrainingRun,
  trainingRuns,
  type TrainingRun,
} from "../../fixtures/training-golden.js";
import { tinyWeight } from "../../fixtures/tiny-weights.js";
import { HostTensor } from "../graph/index.js";
import { headsOf, parameterList, parseConfig, type BridgeTowerConfig, type ObjectiveName } from "../model/index.js";
import { lazy } from "../nn/index.js";
import { Runtime, type Arrays } from "../runtime/index.js";
import { CompiledStep } from "./compiled-step.js";
import { Learner, type LearnerSettings } from "./learner.js";
import { optimizerSettings } from "./optimizer/index.js";
import { pairs } from "./pairs.test-support.js";
import { tiny, tinyWithoutDropout, withoutDropout } from "./tiny-config.test-support.js";

const learners: Learner[] = [];
afterEach(async () => {
  await Promise.all(learners.splice(0).map((learner) => learner.dispose()));
});

function tinyValues(config: BridgeTowerConfig, objectives: readonly ObjectiveName[]): Arrays {
  const { used } = parameterList(config, [...new Set(objectives.flatMap((name) => headsOf(name)))]);
  return new Map(used.map(({ name, shape }) => [name, Float32Array.from(tinyWeight(name, shape))]));
}

function learner(values: Arrays, settings: LearnerSettings): Learner {
  const made = new Learner(values, { threads: 1, ...settings });
  learners.push(made);
  return made;
}

/** Values as text: a deep comparison of arrays takes seconds. */
const encoded = (values: Arrays) =>
  [...values].map(([name, { buffer }]) => [name, Buffer.from(buffer).toString("base64")]);

const copyOf = (values: Arrays): Arrays => new Map([...values].map(([name, array]) => [name, array.slice()]));

describe.each(trainingRuns())("%s", (name) => {
  test("ten steps as PyTorch", async () => {
    const golden = readTrainingRun(name);
    const config = parseConfig(withoutDropout(golden.config));
    const objectives = Object.fromEntries(golden.objectives.map(({ name, weight }) => [name, weight]));
    const values = tinyValues(config, Object.keys(objectives) as ObjectiveName[]);
    for (const [name, value] of Object.entries(golden.start)) values.set(name, Float32Array.of(value));
    const before = copyOf(values);
    const { optimizer: adamw, accumulation, clip_norm, ema_decay, ...settings } = golden.settings;
    const trained = learner(values, {
      config,
      objectives,
      accumulation: "averaged",
      optimizer: optimizerSettings({
        ...settings,
        adamw,
        max_grad_norm: clip_norm ?? undefined,
        ema_decay: ema_decay ?? undefined,
      }),
    });
    for (const [t, step] of golden.steps.entries()) {
      const batches = Array.from({ length: accumulation }, (_, i) => golden.batches[(t * accumulation + i) % 2]!);
      const report = await trained.step(t, batches);
      expect(Math.abs(report.loss / step.loss - 1), `loss of step ${t}`).toBeLessThan(2e-5);
      expect(Math.abs(report.gradientNorm / step.gradient_norm - 1), `norm of step ${t}`).toBeLessThan(1e-4);
      expect(report.learningRate).toBeCloseTo(step.lr_factor * settings.learning_rate, 12);
    }
    expect(missed(golden, golden.changes, before, values)).toEqual([]);
    const state = await trained.read(({ optimizer }) => optimizer);
    const averages = new Map([...state].map(([name, { average }]) => [name, average]));
    expect(missed(golden, golden.averagedChanges, before, averages)).toEqual([]);
    for (const name of golden.unchanged) expect(values.get(name) ?? before.get(name)).toEqual(before.get(name));
  });
});

/**
 * Parameters whose change is not PyTorch's. A bias that softmax cancels has a gradient of rounding errors, which Adam with its
 * small eps makes a step of: PyTorch's own float32 misses it by any amount, and `float32` says by how much it misses the others.
 */
function missed(
  { settings: { eps } }: TrainingRun,
  changes: TrainingRun["changes"],
  before: Arrays,
  after: ReadonlyMap<string, Float32Array | undefined>,
): string[] {
  return [...changes].flatMap(([name, expected]) => {
    if (/key\.bias$|in_proj_bias$/.test(name)) return [];
    const start = before.get(name)!;
    const change = Float64Array.from(after.get(name)!, (value, i) => value - start[i]!);
    const ours = gradientDigest(name, [start.length], change);
    const miss =
      digestDifference(ours, expected) / (5 * expected.float32 + (eps < 1e-6 ? 1e-3 : 3e-4) * expected.norm + 1e-7);
    return miss < 1 ? [] : [`${name}: ${miss}`];
  });
}

const plain = optimizerSettings({ learning_rate: 1e-3, warmup_steps: 0, max_steps: 10, adamw: "decoupled" });

describe.each(["joint", "dual"])("contrast in the %s form", (contrastive_form) => {
  const config = tinyWithoutDropout({ contrastive_form });
  const objectives = { mlm: 1, itm: 0.5, itc: 2 };

  async function afterOneStep(accumulation: "exact" | "averaged", cuts: readonly number[], config_ = config) {
    const values = tinyValues(config_, ["mlm", "itm", "itc"]);
    const trained = learner(values, { config: config_, objectives, accumulation, optimizer: plain, seed: 3 });
    const batches = cuts.slice(1).map((end, i) => pairs(cuts[i]!, end));
    const report = await trained.step(0, batches);
    return { report, values, state: await trained.read(({ optimizer }) => optimizer) };
  }
  /** Computed once for the tests that compare with it. */
  const oneBatch = lazy(() => afterOneStep("exact", [0, 8]));

  test.each([
    ["four", [0, 2, 4, 6, 8]],
    ["three unequal", [0, 2, 6, 8]],
  ])("%s micro-batches are one batch", async (_, cuts) => {
    const whole = await oneBatch();
    const parts = await afterOneStep("exact", cuts);
    expect(parts.report.loss).toBeCloseTo(whole.report.loss, 5);
    expect(parts.report.objectives.itc!.loss).toBeCloseTo(whole.report.objectives.itc!.loss, 5);
    expect(parts.report.objectives.itc!.score).toBe(whole.report.objectives.itc!.score);
    // After one step, m is the gradient times 1 − β1.
    const norm = Math.hypot(...[...whole.state.values()].map(({ m }) => Math.hypot(...m)));
    for (const [name, { m }] of whole.state) {
      const difference = Math.hypot(...parts.state.get(name)!.m.map((value, i) => value - m[i]!));
      expect(difference / (Math.hypot(...m) + 1e-2 * norm), name).toBeLessThan(1e-4);
    }
  });

  test("averaged micro-batches contrast only what each holds", async () => {
    const whole = await oneBatch();
    const parts = await afterOneStep("averaged", [0, 2, 4, 6, 8]);
    expect(parts.report.objectives.itc!.loss).toBeLessThan(0.9 * whole.report.objectives.itc!.loss);
  });

  test("with dropout a step follows from seed and number alone", async () => {
    const noisy = tiny({ contrastive_form });
    const runs = [];
    for (let i = 0; i < 2; i++) runs.push(await afterOneStep("exact", [0, 4, 8], noisy));
    const [first, second] = runs;
    expect(second!.report).toEqual(first!.report);
    expect(encoded(second!.values)).toEqual(encoded(first!.values));
    const without = await afterOneStep("exact", [0, 4, 8]);
    expect(first!.report.loss).not.toBeCloseTo(without.report.loss, 3);
  });
});

test("await using ends the threads of a learner", async () => {
  const config = tinyWithoutDropout({});
  let used: Learner;
  {
    await using scoped = new Learner(tinyValues(config, ["mlm"]), { config, objectives: { mlm: 1 }, optimizer: plain });
    used = scoped;
    await scoped.step(0, [pairs(0, 2)]);
  }
  await expect(used.step(1, [pairs(0, 2)])).rejects.toMatchObject({ code: "disposed" });
});

test("an aborted step rejects at once with the reason of its signal, and leaves the learner unchanged", async () => {
  const config = tiny({ contrastive_form: "joint" });
  const objectives = { mlm: 1, itm: 0.5, itc: 2 };
  const batches = [pairs(0, 4), pairs(4, 8)];
  const settings = { config, objectives, optimizer: plain, seed: 3 };
  const [values, expected] = [1, 2].map(() => tinyValues(config, ["mlm", "itm", "itc"]));
  const [aborted, other] = [learner(values!, settings), learner(expected!, settings)];
  const reason = new Error("stopped");
  const before = encoded(values!);
  await expect(aborted.step(0, batches, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const run = vi.spyOn(CompiledStep.prototype, "run");
  for (const call of ["step", "evaluate"] as const) {
    const controller = new AbortController();
    const { signal } = controller;
    // Abort while the worker has the values: the call must reject before their return.
    let returned = false;
    run.mockImplementationOnce(async function (this: CompiledStep, ...args) {
      const work = CompiledStep.prototype.run.apply(this, args);
      controller.abort(reason);
      const result = await work;
      returned = true;
      return result;
    });
    const work = call === "step" ? aborted.step(0, batches, { signal }) : aborted.evaluate(batches[0]!, { signal });
    await expect(work).rejects.toBe(reason);
    expect(returned).toBe(false);
    // The next call waits for the arrays.
    expect(await aborted.read(() => encoded(values!))).toEqual(before);
    expect(returned).toBe(true);
  }
  run.mockRestore();
  expect(await aborted.step(0, batches)).toEqual(await other.step(0, batches));
  expect(encoded(values!)).toEqual(encoded(expected!));
});

test("frozen towers and parameters that no objective reads do not change", async () => {
  const config = tinyWithoutDropout({});
  const values = tinyValues(config, ["mlm"]);
  const before = copyOf(values);
  const trained = learner(values, { config, objectives: { mlm: 1 }, frozen: ["text_model.*"], optimizer: plain });
  await trained.step(0, [pairs(0, 4)]);
  const moved = [...values].filter(([name, array]) => array.some((value, i) => value !== before.get(name)![i]));
  const names = new Set(moved.map(([name]) => name));
  expect([...names].some((name) => name.startsWith("text_model."))).toBe(false);
  expect(names.has("vision_model.visual.transformer.resblocks.0.mlp.c_fc.weight")).toBe(true);
  expect(trained.unused).toContain("cross_modal_image_layers.1.output.dense.weight");
  expect(trained.unused).toContain("cross_modal_text_pooler.dense.weight");
  for (const name of trained.unused) expect(names.has(name)).toBe(false);
});

test("evaluating a batch changes nothing and has no dropout", async () => {
  const config = tiny({});
  const values = tinyValues(config, ["mlm", "itm"]);
  const before = copyOf(values);
  const trained = learner(values, { config, objectives: { mlm: 1, itm: 1 }, optimizer: plain });
  const first = await trained.evaluate(pairs(0, 4));
  expect(await trained.evaluate(pairs(0, 4))).toEqual(first);
  expect(encoded(values)).toEqual(encoded(before));
});

test("while its state is read a learner takes no step, and the arrays stay whole", async () => {
  const config = tinyWithoutDropout({});
  const trained = learner(tinyValues(config, ["itm"]), { config, objectives: { itm: 1 }, optimizer: plain });
  await trained.read(async ({ values, optimizer }) => {
    await expect(trained.step(0, [pairs(0, 2)])).rejects.toThrow(
      "Learner.step: expected one call at a time, found read",
    );
    expect([...values.values()].every(({ length }) => length > 0)).toBe(true);
    expect([...optimizer.values()].every(({ m, v }) => m.length > 0 && v.length > 0)).toBe(true);
  });
  const step = trained.step(0, [pairs(0, 2)]);
  await expect(trained.read(() => "read")).rejects.toThrow("found step in progress. Await it first");
  expect(() => trained.restoreOptimizer(new Map())).toThrow("found step in progress");
  await step;
  expect(await trained.read(({ optimizer }) => optimizer.get("itm_score.fc.bias")!.m.length)).toBe(2);
});

test("a graph that failed to compile is compiled again in the next step", async () => {
  const config = tinyWithoutDropout({});
  const trained = learner(tinyValues(config, ["itm"]), { config, objectives: { itm: 1 }, optimizer: plain });
  const compile = vi.spyOn(Runtime.prototype, "compileTraining").mockRejectedValueOnce(new Error("no memory"));
  onTestFinished(() => compile.mockRestore());
  await expect(trained.step(0, [pairs(0, 2)])).rejects.toThrow("no memory");
  expect((await trained.step(0, [pairs(0, 2)])).loss).toBeGreaterThan(0);
});

test("invalid models are refused before any thread starts", async () => {
  const config = tinyWithoutDropout({});
  const values = () => tinyValues(config, ["itm"]);
  const base = { config, objectives: { itm: 1 }, optimizer: plain };
  const rows = (...list: number[]) => new HostTensor("int64", [list.length], BigInt64Array.from(list, BigInt));
  const few = values();
  few.delete("itm_score.fc.bias");
  const twice = values();
  twice.set("text_model.embeddings.LayerNorm.bias", twice.get("text_model.embeddings.LayerNorm.weight")!);
  const attempts: (() => unknown)[] = [
    () => learner(values(), { ...base, objectives: {} }),
    () => learner(values(), { ...base, objectives: { itn: 1 } as object }),
    () => learner(values(), { ...base, frozen: ["text_modle.*"] }),
    () => learner(values(), { ...base, frozen: ["*"] }),
    () => learner(few, base),
    () => learner(twice, base),
    () => learner(values(), { ...base, seed: -1 }),
    () => learner(values(), { ...base, threads: 0 }),
    () => learner(values(), { ...base, objectives: { itm_itc: 1 } }),
    () => learner(values(), { ...base, objectives: { nlvr2: 1 } }),
    () => learner(values(), base).step(0, []),
    () => learner(values(), base).step(0, [{ ...pairs(0, 2), itm_texts: HostTensor.zeros("int64", [0]) }]),
    () => learner(values(), base).step(0, [Object.fromEntries(Object.entries(pairs(0, 2)).slice(1))]),
    () => learner(values(), base).step(0, [{ ...pairs(0, 2), itm_images: rows(0, 2) }]),
    () => learner(values(), base).evaluate({ ...pairs(0, 2), itm_texts: rows(-1, 0) }),
    () => learner(values(), base).step(0, [{ ...pairs(0, 2), itm_labels: rows(1, 2) }]),
    () =>
      learner(values(), base).step(0, [
        { ...pairs(0, 1), input_ids: new HostTensor("int64", [2, 1], BigInt64Array.of(3n, -1n)) },
      ]),
    () =>
      learner(values(), base).step(0, [
        { ...pairs(0, 1), mlm_labels: new HostTensor("int64", [1, 2], BigInt64Array.of(-100n, 120n)) },
      ]),
  ];
  const messages: string[] = [];
  let threads = 0;
  const count = () => threads++;
  process.on("worker", count);
  onTestFinished(() => void process.off("worker", count));
  const constructions = attempts.findIndex((attempt) => String(attempt).includes(".step("));
  for (const [i, attempt] of attempts.entries()) {
    if (i === constructions) {
      await new Promise(setImmediate);
      expect(threads, "threads of learners that were refused").toBe(0);
    }
    try {
      await attempt();
      messages.push("nothing");
    } catch (error) {
      messages.push(String(error));
    }
  }
  expect(messages.join("\n")).toMatchInlineSnapshot(`
    "InputError: objectives: expected at least one with a weight, found none.
    InputError: objective itn: expected one of mlm, itm, itc, itm_itc, irtr, vqa, snli, nlvr2 with a finite weight, found 1.
    InputError: frozen "text_modle.*": expected the name of a parameter, with * for any characters, found a pattern that matches no parameter.
    InputError: frozen: expected patterns that leave at least one parameter to train, found none left.
    InputError: values: expected every parameter of the model and of the heads that are trained, found 1 that do not fit: itm_score.fc.bias (2 values, found none). Create them with startingValues for this config.
    InputError: values: text_model.embeddings.LayerNorm.bias: expected an array with a separate ArrayBuffer, which a step can transfer to another thread, found the buffer of text_model.embeddings.LayerNorm.weight. Copy it with slice().
    InputError: seed: expected a whole number from 0 to 2^53 - 1, found -1.
    InputError: threads: expected a whole number, 1 or more, found 0.
    InputError: objective itm_itc: expected contrastive_form "dual" in config.json, whose similarities negatives are sampled by, found "joint".
    InputError: objective nlvr2: expected token_type_count 3 in config.json, with a row for the second image, found 2.
    InputError: step: expected at least one micro-batch, found none.
    InputError: itm_texts of the batch: expected a tensor of 1 axis, none of them empty, found int64[0].
    InputError: input_ids of the batch: expected a tensor of 2 axes, none of them empty, found undefined.
    InputError: itm_images of the batch: expected rows of the stack, 0 to 1, found 2.
    InputError: itm_texts of the batch: expected rows of the stack, 0 to 3, found -1.
    InputError: itm_labels of the batch: expected 0 to 1, found 2.
    InputError: input_ids of the batch: expected 0 to 119, found -1.
    InputError: mlm_labels of the batch: expected 0 to 119 or -100, found 120."
  `);
});
