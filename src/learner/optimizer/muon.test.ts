import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { Optimizer, optimizerSettings } from "./index.js";
import { muonMatrix } from "./muon.js";

interface TorchMuon {
  readonly settings: { readonly betas: [number, number]; readonly weight_decay: number };
  /** Learning rate of each step. */
  readonly rates: readonly number[];
  readonly parameters: readonly {
    readonly kind: "wide" | "tall" | "stacked";
    readonly shape: readonly [number, number];
    readonly initial: readonly number[];
    readonly gradients: readonly (readonly number[])[];
    /** Values after each step. */
    readonly values: readonly (readonly number[])[];
  }[];
}

/** Steps that PyTorch took; `fixtures/make.py` writes them. */
const torch = JSON.parse(readFileSync(new URL("fixtures/muon.jsonl", import.meta.url), "utf8")) as TorchMuon;

const names = {
  wide: "cross_modal_image_layers.0.output.dense.weight",
  tall: "text_model.encoder.layer.1.intermediate.dense.weight",
  stacked: "vision_model.visual.transformer.resblocks.0.attn.in_proj_weight",
};
const shapes = torch.parameters.map(({ kind, shape }) => ({ name: names[kind], shape }));

const made: Optimizer[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((optimizer) => optimizer.dispose()));
});

/** One that takes a single rate, which is set anew for every step by making another on the same state. */
function optimizer(learning_rate: number, threads = 2): Optimizer {
  const { betas, weight_decay } = torch.settings;
  const schedule = { learning_rate, warmup_steps: 0, max_steps: 1000, end_lr: learning_rate, lr_mult_cross_modal: 1 };
  const settings = optimizerSettings({ ...schedule, muon: true, adamw: "decoupled", betas, weight_decay });
  const one = new Optimizer(shapes, settings, threads);
  made.push(one);
  return one;
}

const initial = () => new Map(torch.parameters.map((one) => [names[one.kind], Float32Array.from(one.initial)]));
const gradientsOf = (step: number) =>
  new Map(torch.parameters.map((one) => [names[one.kind], Float32Array.from(one.gradients[step]!)]));

test("ten steps as PyTorch takes them, on through saved states, of wide, tall and stacked matrices", async () => {
  const values = initial();
  let state: ReturnType<Optimizer["state"]> | undefined;
  // The first rate is 0: it starts the momentum and changes no value.
  for (const [step, rate] of torch.rates.entries()) {
    const one = optimizer(rate === 0 ? Number.MIN_VALUE : rate);
    if (state !== undefined) one.restore(state);
    await one.step(step, values, gradientsOf(step));
    state = one.state();
    for (const { kind, values: expected } of torch.parameters) {
      const found = values.get(names[kind])!;
      const deviation = Math.max(...expected[step]!.map((value, i) => Math.abs(found[i]! - value)));
      expect(deviation, `${kind}, step ${step}`).toBeLessThan(2e-6);
    }
  }
});

test("a step's length does not depend on that of the gradients, and no thread changes a bit", async () => {
  const scaled = new Map([...gradientsOf(3)].map(([name, gradient]) => [name, gradient.map((g) => g * 1024)]));
  const [once, large, threads] = [initial(), initial(), initial()];
  await optimizer(0.01).step(0, once, gradientsOf(3));
  await optimizer(0.01).step(0, large, scaled);
  await optimizer(0.01, 1).step(0, threads, gradientsOf(3));
  for (const [name, values] of once) {
    values.forEach((value, i) => expect(large.get(name)![i]).toBeCloseTo(value, 6));
    expect(threads.get(name)).toEqual(values);
  }
});

test("a gradient that is 0 leaves decay alone", async () => {
  const values = initial();
  const zeros = new Map([...values].map(([name, { length }]) => [name, new Float32Array(length)]));
  await optimizer(0.5).step(0, values, zeros);
  const kept = 1 - 0.5 * torch.settings.weight_decay;
  for (const [name, array] of initial()) {
    array.forEach((value, i) => expect(values.get(name)![i]).toBeCloseTo(kept * value, 6));
  }
});

test.each([
  [names.wide, [192, 768], { count: 1, rows: 192, columns: 768 }],
  [names.stacked, [576, 192], { count: 3, rows: 192, columns: 192 }],
  ["cross_modal_text_transform.weight", [192, 192], { count: 1, rows: 192, columns: 192 }],
  ["text_model.encoder.layer.0.attention.self.query.bias", [192], undefined],
  ["text_model.embeddings.word_embeddings.weight", [3000, 192], undefined],
  ["vision_model.visual.embeddings.position_embedding.weight", [37, 192], undefined],
  ["vision_model.visual.embeddings.patch_embedding.weight", [192, 3, 16, 16], undefined],
  ["token_type_embeddings.weight", [3, 192], undefined],
  ["mlm_score.transform.dense.weight", [192, 192], undefined],
  ["itm_score.fc.weight", [2, 384], undefined],
])("%s %j: whether Muon moves it", (name, shape, expected) => {
  expect(muonMatrix(name, shape)).toEqual(expected === undefined ? undefined : { name, ...expected });
});
