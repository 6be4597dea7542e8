/** Towers filled from CLIP and RoBERTa compute what transformers computes with the same weights. */
import { expect, test } from "vitest";
import { int64Matrix } from "../../fixtures/golden.js";
import { deviation } from "../../fixtures/tolerance.js";
import { tinyInput } from "../../fixtures/tiny-weights.js";
import { HostTensor, parametersOf, type StoredTensor, type Tensor } from "../graph/index.js";
import { pairGraph } from "../inference/sub-graphs.js";
import { parseConfig } from "../model/index.js";
import { evaluateAll } from "../runtime/evaluate.test-support.js";
import { fileOf, fixtureJson } from "./conversion-files.test-support.js";
import { openStart, startingValues } from "./index.js";

type Shapes = Readonly<Record<string, readonly number[]>>;

interface Towers {
  readonly clip: { readonly names: Shapes; readonly hidden_states: readonly (readonly number[])[] };
  readonly clip_vision: { readonly names: Shapes };
  readonly roberta: {
    readonly names: Shapes;
    readonly hidden_states: readonly (readonly number[])[];
    readonly input_ids: number[][];
    readonly attention_mask: number[][];
  };
}

const towers = await fixtureJson<Towers>("towers.json");

const config = parseConfig({
  model_type: "bridgetower",
  hidden_size: 32,
  num_hidden_layers: 1,
  text_config: {
    vocab_size: 30,
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    intermediate_size: 48,
    max_position_embeddings: 12,
  },
  vision_config: { hidden_size: 64, num_hidden_layers: 2, patch_size: 8, image_size: 16 },
});
const model = pairGraph(config, { image: { height: 16, width: 16 } });

/** The worst deviation of `states` computed with values from the file at `start`. */
async function worst(
  start: string,
  states: readonly Tensor[],
  feeds: Readonly<Record<string, HostTensor>>,
  expected: readonly (readonly number[])[],
): Promise<number> {
  const outputs = Object.fromEntries(states.map((state, i) => [`state ${i}`, state]));
  const { values, report } = await startingValues(parametersOf(outputs), [await openStart(start)], ({ name }) => {
    throw new Error(`${name} is not in the starting point`);
  });
  expect(report.initialised).toEqual([]);
  const lookup = ({ name, shape }: { name: string; shape: readonly unknown[] }): StoredTensor => ({
    dtype: "float32",
    shape: shape as readonly number[],
    data: new Uint8Array(values.get(name)!.buffer),
  });
  const [results] = await evaluateAll(outputs, [feeds], lookup);
  const deviations = states.map((_, i) => deviation(results![`state ${i}`]!.data as Float32Array, expected[i]!));
  return Math.max(...deviations);
}

const image = { pixel_values: new HostTensor("float32", [1, 3, 16, 16], tinyInput("pixel_values", [1, 3, 16, 16])) };

test("the vision tower of a whole CLIP", async () => {
  const path = await fileOf(towers.clip.names);
  expect(await worst(path, model.image.states, image, towers.clip.hidden_states)).toBeLessThan(1);
});

test("the vision half alone has names without vision_model, as transformers 5 writes it, or with it", async () => {
  const start = await openStart(await fileOf(towers.clip_vision.names));
  const prefixed = Object.entries(towers.clip_vision.names).map(([name, shape]) => [`vision_model.${name}`, shape]);
  const old = await openStart(await fileOf(Object.fromEntries(prefixed) as Shapes));
  const whole = await openStart(await fileOf(towers.clip.names));
  const names = [...whole.tensors.keys()].sort();
  expect([...start.tensors.keys()].sort()).toEqual(names);
  expect([...old.tensors.keys()].sort()).toEqual(names);
  expect([start.surplus, old.surplus, whole.surplus]).toEqual([[], [], []]);
});

test("the text tower of RoBERTa, with padding", async () => {
  const { names, hidden_states, input_ids, attention_mask } = towers.roberta;
  const feeds = { input_ids: int64Matrix(input_ids), attention_mask: int64Matrix(attention_mask) };
  const path = await fileOf(names);
  expect(await worst(path, model.text.states, feeds, hidden_states)).toBeLessThan(1);
  const { layout, surplus } = await openStart(path);
  expect([layout, surplus]).toEqual(["roberta", []]);
});
