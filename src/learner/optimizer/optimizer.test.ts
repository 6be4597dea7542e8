import { execFileSync } from "node:child_process";
import { afterEach, expect, test } from "vitest";
import { Random } from "../../random/index.js";
import { clipFactor } from "./gradient-sums.js";
import { Optimizer, learningRateFactor, optimizerSettings, parameterGroup } from "./index.js";
import { adamw } from "./kernels.js";

const parameters = [
  { name: "text_model.embeddings.word_embeddings.weight", shape: [30, 4] },
  { name: "text_model.embeddings.LayerNorm.weight", shape: [4] },
  { name: "cross_modal_text_transform.weight", shape: [4, 4] },
  { name: "itm_score.fc.weight", shape: [2, 9] },
  { name: "itm_score.fc.bias", shape: [2] },
  { name: "temperature", shape: [] },
] as const;

const needed = { learning_rate: 0.01, warmup_steps: 2, max_steps: 10 };
type Changes = Partial<ReturnType<typeof optimizerSettings>>;

const made: Optimizer[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((optimizer) => optimizer.dispose()));
});

function optimizer(changes: Changes = {}, threads = 2): Optimizer {
  const one = new Optimizer(parameters, optimizerSettings({ ...needed, ...changes }), threads);
  made.push(one);
  return one;
}

const random = new Random(1);
const sizeOf = (shape: readonly number[]) => shape.reduce((size, dimension) => size * dimension, 1);

function arrays(kind: string, step = 0): Map<string, Float32Array> {
  return new Map(
    parameters.map(({ name, shape }) => {
      const values = new Float32Array(sizeOf(shape));
      random.at(kind, step, name).fillNormal(values, 1);
      return [name, values];
    }),
  );
}

const plain = (map: ReadonlyMap<string, Float32Array>) => [...map].map(([name, values]) => [name, [...values]]);

async function run(one: Optimizer, values: Map<string, Float32Array>, from: number, to: number) {
  const reports = [];
  for (let t = from; t < to; t++) reports.push(await one.step(t, values, arrays("gradient", t)));
  return reports;
}

const full = { max_grad_norm: 3, ema_decay: 0.9, adamw: "decoupled" } as const;

test("takes the steps of the kernel with each group's rate and decay, after clipping all gradients together", async () => {
  const settings = optimizerSettings({ ...needed, ...full });
  const [values, expected] = [arrays("value"), arrays("value")];
  const averages = new Map([...expected].map(([name, array]) => [name, array.slice()]));
  const zeros = () => new Map(parameters.map(({ name, shape }) => [name, new Float32Array(sizeOf(shape))]));
  const [m, v] = [zeros(), zeros()];
  const one = optimizer(full);
  for (let t = 0; t < 10; t++) {
    const gradients = arrays("gradient", t);
    const squares = [...gradients.values()].flatMap((gradient) => [...gradient]).map((g) => (g / 2) ** 2);
    const norm = Math.sqrt(squares.reduce((sum, square) => sum + square));
    const report = await one.step(t, values, gradients, { gradientScale: 1 / 2 });
    expect(report.gradientNorm).toBeCloseTo(norm, 10);
    const learningRate = settings.learning_rate * learningRateFactor(t, settings);
    expect(report.learningRate).toBe(learningRate);
    for (const { name } of parameters) {
      const { learningRateFactor: factor, weightDecay } = parameterGroup(name, settings);
      const step = { adamw: settings.adamw, betas: settings.betas, eps: settings.eps, t: t + 1, weightDecay };
      const gradientScale = clipFactor(report.gradientNorm, 3) / 2;
      adamw(
        { values: expected.get(name)!, gradients: arrays("gradient", t).get(name)!, m: m.get(name)!, v: v.get(name)! },
        { ...step, learningRate: learningRate * factor, gradientScale },
      );
      averages.set(
        name,
        averages.get(name)!.map((e, i) => 0.9 * e + (1 - 0.9) * expected.get(name)![i]!),
      );
    }
  }
  expect(plain(values)).toEqual(plain(expected));
  const averaged = new Map([...one.state()].map(([name, { average }]) => [name, average!]));
  expect(plain(averaged)).toEqual(plain(averages));
});

test.each([2, 3, 50])("1 and %s threads give the same bits", async (threads) => {
  const [one, many] = [arrays("value"), arrays("value")];
  const [first, second] = [optimizer(full, 1), optimizer(full, threads)];
  expect(await run(first, one, 0, 10)).toEqual(await run(second, many, 0, 10));
  expect(plain(one)).toEqual(plain(many));
  expect(second.state()).toEqual(first.state());
});

test("arrays are transferred and returned, with unchanged gradients", async () => {
  const [values, gradients] = [arrays("value"), arrays("gradient")];
  const before = plain(gradients);
  const array = values.get("temperature")!;
  const step = optimizer().step(0, values, gradients);
  expect(gradients.get("temperature")!.length).toBe(0);
  await step;
  expect(array.length).toBe(0);
  expect(plain(gradients)).toEqual(before);
  // Rate 0 in the first step of a warm-up.
  expect(plain(values)).toEqual(plain(arrays("value")));
});

test("other parameters are unchanged", async () => {
  const values = arrays("value").set("frozen", Float32Array.of(1, 2));
  await optimizer().step(5, values, arrays("gradient"));
  expect([...values.get("frozen")!]).toEqual([1, 2]);
});

test("resumes bit-exactly from a saved state", async () => {
  const [whole, parts] = [arrays("value"), arrays("value")];
  const uninterrupted = optimizer(full);
  await run(uninterrupted, whole, 0, 10);
  const before = optimizer(full);
  await run(before, parts, 0, 4);
  // As views, as a file's reader may hand them over.
  const view = (array: Float32Array) => Float32Array.from([0, ...array]).subarray(1);
  const saved = new Map(
    [...before.state()].map(([name, { m, v, average }]) => [name, { m: view(m), v: view(v), average: view(average!) }]),
  );
  const after = optimizer(full, 1);
  after.restore(saved);
  await run(after, parts, 4, 10);
  expect(plain(parts)).toEqual(plain(whole));
  expect(after.state()).toEqual(uninterrupted.state());
});

test("a state that does not fit is refused as a whole", () => {
  const one = optimizer();
  const state = one.state();
  const short = { m: new Float32Array(1), v: new Float32Array(2) };
  expect(() => one.restore(new Map([...state, ["itm_score.fc.bias", short]]))).toThrow(
    "expected m and v as Float32Arrays of 2 values, found 1.",
  );
  expect(() => one.restore(new Map([...state, ["other", short]]))).toThrow(
    "state of other: expected only parameters that are trained",
  );
  expect(() => one.restore(new Map([...state].slice(1)))).toThrow(
    /state of text_model.*: expected the state of every trained parameter, found none/,
  );
  expect(one.state()).toEqual(state);
});

test("a gradient that is not finite stops the step before anything changes, and the next step works", async () => {
  const one = optimizer();
  const values = arrays("value");
  const gradients = arrays("gradient");
  gradients.get("itm_score.fc.weight")![3] = NaN;
  gradients.get("temperature")![0] = Infinity;
  await expect(one.step(7, values, gradients)).rejects.toThrow("gradient of itm_score.fc.weight at step 7");
  expect(plain(values)).toEqual(plain(arrays("value")));
  expect([...one.state().values()].every(({ m }) => m.every((x) => x === 0))).toBe(true);
  await one.step(7, values, arrays("gradient"));
});

const wide = new Float32Array(3);
const shared = Float32Array.of(1);
test.each<[string, string, Float32Array, string]>([
  ["a view", "temperature", wide.subarray(1, 2), "is a view that does not fill an ArrayBuffer of its own"],
  ["shared memory", "temperature", new Float32Array(new SharedArrayBuffer(4)), "is a view that does not fill"],
  ["another size", "itm_score.fc.bias", new Float32Array(3), "2 numbers are needed, got 3"],
])("%s is refused before any array is transferred", async (_, name, array, message) => {
  const values = arrays("value");
  const gradients = arrays("gradient").set(name, array);
  await expect(optimizer().step(0, values, gradients)).rejects.toThrow(`gradient of ${name}: ${message}`);
  expect(plain(values)).toEqual(plain(arrays("value")));
});

test("a missing array and one used twice are refused", async () => {
  const values = arrays("value");
  values.delete("temperature");
  await expect(optimizer().step(0, values, arrays("gradient"))).rejects.toThrow("value of temperature: is missing");
  values.set("temperature", shared);
  const gradients = arrays("gradient").set("temperature", shared);
  await expect(optimizer().step(0, values, gradients)).rejects.toThrow("shares its ArrayBuffer with another array");
});

test("one step at a time, and none after dispose", async () => {
  const one = optimizer();
  const values = arrays("value");
  const first = one.step(3, values, arrays("gradient"));
  await expect(one.step(4, arrays("value"), arrays("gradient"))).rejects.toThrow(
    "a step of the optimizer is in progress",
  );
  expect(() => one.state()).toThrow("in progress");
  const end = one.dispose();
  await first;
  await end;
  expect(values.get("temperature")!.length).toBe(1);
  await expect(one.step(4, values, arrays("gradient"))).rejects.toThrow("was disposed of");
});

test("an error in a thread is reported, and the arrays are returned", async () => {
  const settings = { ...optimizerSettings(needed), betas: undefined };
  // @ts-expect-error Settings that were not checked: the only way to make the kernel throw.
  const one = new Optimizer(parameters, settings, 2);
  made.push(one);
  const [values, gradients] = [arrays("value"), arrays("gradient")];
  await expect(one.step(0, values, gradients)).rejects.toThrow("the optimizer failed, values may be half updated");
  expect(plain(values)).toEqual(plain(arrays("value")));
  expect(plain(gradients)).toEqual(plain(arrays("gradient")));
  await expect(one.step(1, values, gradients)).rejects.toThrow("the optimizer failed");
});

test("idle threads do not keep the process from ending", () => {
  const index = new URL("index.ts", import.meta.url).href;
  const script = `import { Optimizer, optimizerSettings } from ${JSON.stringify(index)};
    const settings = optimizerSettings({ learning_rate: 1, warmup_steps: 0, max_steps: 2 });
    const optimizer = new Optimizer([{ name: "a", shape: [1] }], settings, 1);
    const values = new Map([["a", Float32Array.of(1)]]);
    await optimizer.step(0, values, new Map([["a", Float32Array.of(1)]]));
    process.stdout.write(String(values.get("a")[0]));`;
  const options = ["--import", "tsx", "--input-type=module", "--eval", script];
  const output = execFileSync(process.execPath, options, { encoding: "utf8", timeout: 30_000 });
  // Decay 0.01 after a step of about 1.
  expect(Number(output)).toBeCloseTo(0, 6);
});
