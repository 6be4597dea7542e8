/** The four classes, from folders on the disk, against transformers; and all file layouts against each other. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { goldenNames, int64Matrix, readCase, readExpected, type GoldenCase } from "../../fixtures/golden.js";
import { tinyInput } from "../../fixtures/tiny-weights.js";
import { deviation, firstDifference } from "../../fixtures/tolerance.js";
import { HostTensor } from "../graph/index.js";
import type { Head } from "../model/index.js";
import {
  BridgeTowerForContrastiveLearning,
  BridgeTowerForImageAndTextRetrieval,
  BridgeTowerForMaskedLM,
  BridgeTowerModel,
  type BridgeTowerModelOutput,
} from "./index.js";
import { LoadedModel } from "./loaded-model.js";
import { tinyCheckpoint, type WeightLayout } from "./tiny-checkpoint.test-support.js";

const labels = (values: readonly number[]) =>
  new HostTensor("int64", [values.length], BigInt64Array.from(values, BigInt));

interface Found {
  /** By the reference's names. */
  readonly tensors: Map<string, HostTensor>;
  readonly losses: Partial<Record<"itm" | "mlm" | "itc", number | undefined>>;
}

/** What a case's file expects, as the classes give it. The classes share one open checkpoint. */
async function outputs(folder: string, golden: GoldenCase): Promise<Found> {
  const { inputs, interpolate_pos_encoding: interpolatePosEncoding } = golden;
  const tensors = new Map<string, HostTensor>();
  await using loaded = await openShared(folder, headsOf(golden));

  const model = await BridgeTowerModel.fromPretrained(folder);
  const base = await model.forward(inputs, {
    interpolatePosEncoding,
    outputHiddenStates: true,
    outputAttentions: true,
  });
  for (const [name, tensor] of namedIntermediates(base)) tensors.set(name, tensor);
  for (const name of ["text_features", "image_features", "pooler_output"] as const) tensors.set(name, base[name]);

  const itm = await BridgeTowerForImageAndTextRetrieval.fromPretrained(folder);
  const matching = await itm.forward({ ...inputs, labels: labels(golden.labels.itm) }, { interpolatePosEncoding });
  tensors.set("itm.logits", matching.logits);

  const mlm = await BridgeTowerForMaskedLM.fromPretrained(folder);
  const masked = await mlm.forward({ ...inputs, labels: int64Matrix(golden.labels.mlm) }, { interpolatePosEncoding });
  tensors.set("mlm.logits", masked.logits);

  const losses: Found["losses"] = { itm: matching.loss, mlm: masked.loss };
  if (golden.losses.itc !== undefined) {
    const itc = await BridgeTowerForContrastiveLearning.fromPretrained(folder);
    const embeds = await itc.forward(inputs, { interpolatePosEncoding, returnLoss: true });
    for (const name of ["text_embeds", "image_embeds", "cross_embeds"] as const)
      tensors.set(`itc.${name}`, embeds[name]);
    losses.itc = embeds.loss;
  }
  expect(loaded.uses()).toBe(headsOf(golden).length + 1);
  return { tensors, losses };
}

/** Opens a checkpoint once for all classes, until it is disposed of. */
async function openShared(folder: string, heads: readonly Head[]) {
  const loaded = await LoadedModel.open(folder, { heads });
  const open = vi.spyOn(LoadedModel, "open").mockResolvedValue(loaded);
  return {
    uses: () => open.mock.calls.length,
    [Symbol.asyncDispose]: () => {
      open.mockRestore();
      return loaded.dispose();
    },
  };
}

function namedIntermediates({ hidden_states, attentions }: BridgeTowerModelOutput): [string, HostTensor][] {
  const named = (prefix: string, tensors: readonly HostTensor[]) =>
    tensors.map((tensor, i): [string, HostTensor] => [`${prefix}.${i}`, tensor]);
  const of = (side: "text" | "image", pairs: readonly { text: HostTensor; image: HostTensor }[]) =>
    pairs.map((pair) => pair[side]);
  return [
    ...named("hidden_states.text", hidden_states!.text),
    ...named("hidden_states.image", hidden_states!.image),
    ...named("hidden_states.cross_text", of("text", hidden_states!.cross)),
    ...named("hidden_states.cross_image", of("image", hidden_states!.cross)),
    ...named("attentions.text", of("text", attentions!)),
    ...named("attentions.image", of("image", attentions!)),
  ];
}

const headsOf = ({ losses }: GoldenCase) =>
  (["itm", "mlm", "itc"] as const).filter((head) => losses[head] !== undefined);

test.each(goldenNames)("%s: the classes give the reference's outputs and losses", async (name) => {
  const golden = readCase(name);
  const expected = await readExpected(name);
  const folder = await tinyCheckpoint({ config: golden.configJson, heads: headsOf(golden) });
  const { tensors, losses } = await outputs(folder, golden);
  const difference = firstDifference(
    expected.keys(),
    (key) => tensors.get(key),
    (key) => expected.get(key),
  );
  expect(difference).toBeUndefined();
  for (const head of headsOf(golden)) expect(losses[head], head).toBeCloseTo(golden.losses[head]!, 5);
});

test.each(["add", "tied", "odd_masks", "interpolated_positions", "image_embeds", "no_mask"])(
  "%s: without labels there is no loss, and the logits are the same",
  async (name) => {
    const { inputs, interpolate_pos_encoding, configJson } = readCase(name);
    const folder = await tinyCheckpoint({ config: configJson });
    await using loaded = await openShared(folder, ["itm", "itc"]);
    const options = { interpolatePosEncoding: interpolate_pos_encoding };
    const itm = await BridgeTowerForImageAndTextRetrieval.fromPretrained(folder);
    const matching = await itm.forward(inputs, options);
    expect(matching).not.toHaveProperty("loss");
    expect(deviation(matching.logits.toArray(), (await readExpected(name)).get("itm.logits")!.toArray())).toBeLessThan(
      1,
    );
    const itc = await BridgeTowerForContrastiveLearning.fromPretrained(folder);
    expect(await itc.forward(inputs, options)).not.toHaveProperty("loss");
    expect(loaded.uses()).toBe(2);
  },
);

test("the contrastive logits are the three embeddings of each pair, text first", async () => {
  const { inputs, configJson } = readCase("add");
  const model = await BridgeTowerForContrastiveLearning.fromPretrained(await tinyCheckpoint({ config: configJson }));
  const { logits, text_embeds, image_embeds, cross_embeds } = await model.forward(inputs);
  expect(logits.shape).toEqual([2, 3, 24]);
  for (let pair = 0; pair < 2; pair++) {
    const stacked = [text_embeds, image_embeds, cross_embeds].map((embeds) => embeds.row(pair).toArray());
    expect(logits.row(pair).toArray()).toEqual(stacked.flat());
  }
});

test("only the requested intermediates are returned", async () => {
  const { inputs, configJson } = readCase("add");
  const model = await BridgeTowerForImageAndTextRetrieval.fromPretrained(await tinyCheckpoint({ config: configJson }));
  const plain = await model.forward(inputs);
  const states = await model.forward(inputs, { outputHiddenStates: true });
  const attentions = await model.forward(inputs, { outputAttentions: true });
  expect([plain, states, attentions].map((output) => Object.keys(output).sort())).toEqual([
    ["logits"],
    ["hidden_states", "logits"],
    ["attentions", "logits"],
  ]);
  const last = states.hidden_states!.cross.at(-1)!;
  expect([last.text.shape, last.image.shape]).toEqual([
    [2, 7, 64],
    [2, 17, 64],
  ]);
  expect(attentions.attentions!.at(-1)!.text.shape).toEqual([2, 4, 7, 7]);
  // The last level computes its first tokens alone unless all states are wanted: the same numbers either way.
  expect(deviation(plain.logits.toArray(), states.logits.toArray(), close)).toBeLessThan(1);
});

test("pixel_mask and token_type_ids have no effect", async () => {
  const { inputs, configJson } = readCase("add");
  const model = await BridgeTowerForImageAndTextRetrieval.fromPretrained(await tinyCheckpoint({ config: configJson }));
  const odd = { pixel_mask: HostTensor.zeros("int64", [2, 32, 32]), token_type_ids: int64Matrix([[9], [9]]) };
  expect((await model.forward({ ...inputs, ...odd })).logits).toEqual((await model.forward(inputs)).logits);
});

test("image_embeds win over pixel_values", async () => {
  const { inputs, configJson } = readCase("image_embeds");
  const model = await BridgeTowerForImageAndTextRetrieval.fromPretrained(await tinyCheckpoint({ config: configJson }));
  const pixel_values = HostTensor.zeros("float32", [2, 3, 32, 32]);
  expect((await model.forward({ ...inputs, pixel_values })).logits).toEqual((await model.forward(inputs)).logits);
});

/** Float32 sums may differ in their order, no more. */
const close = { absolute: 1e-5, relative: 1e-5 };

async function itmLogits(layout: WeightLayout, heads?: readonly Head[]): Promise<number[]> {
  const { inputs, configJson } = readCase("add");
  const model = await BridgeTowerForImageAndTextRetrieval.fromPretrained(
    await tinyCheckpoint({ config: configJson, layout, heads }),
  );
  const { logits } = await model.forward(inputs);
  await model.dispose();
  return logits.toArray();
}

test("names without prefix, shards and a file without the other heads give the same numbers", async () => {
  const expected = (await readExpected("add")).get("itm.logits")!.toArray();
  for (const layout of [{}, { prefix: "" }, { shards: 3 }, { shards: 2, prefix: "" }]) {
    expect(deviation(await itmLogits(layout), expected)).toBeLessThan(1);
  }
  expect(deviation(await itmLogits({}, ["itm"]), expected)).toBeLessThan(1);
});

test.each(["float16", "bfloat16"] as const)("%s weights count as the float32 values they stand for", async (dtype) => {
  const found = await itmLogits({ dtype });
  expect(deviation(found, await itmLogits({ halves: dtype }), close)).toBeLessThan(1);
  const exact = (await readExpected("add")).get("itm.logits")!.toArray();
  expect(deviation(found, exact, { absolute: 0.1, relative: 0 })).toBeLessThan(1);
  expect(deviation(found, exact)).toBeGreaterThan(1);
});

test("buffers of old versions are passed over without a warning", async () => {
  const warnings: string[] = [];
  const folder = await tinyCheckpoint({
    edit: (weights) => {
      const buffer = HostTensor.zeros("int64", [1, 20]);
      weights.set("text_model.embeddings.position_ids", buffer);
      weights.set("text_model.embeddings.token_type_ids", buffer);
      weights.set("vision_model.visual.embeddings.position_ids", buffer);
    },
  });
  await BridgeTowerModel.fromPretrained(folder, { onWarning: (message) => warnings.push(message) });
  expect(warnings).toEqual([]);
});

test("a checkpoint as transformers 4 wrote it, sharded pytorch_model.bin in float16, gives the reference's logits", async () => {
  const folder = fileURLToPath(new URL("../../fixtures/data/files/itm-mlm-float16", import.meta.url));
  const expected = JSON.parse(readFileSync(`${folder}/expected.json`, "utf8")) as {
    inputs: { input_ids: number[][]; attention_mask: number[][]; pixel_values: { shape: number[] } };
    labels: { itm: number[] };
    losses: { itm: number };
    "itm.logits": number[][];
  };
  const { input_ids, attention_mask, pixel_values } = expected.inputs;
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  const model = await BridgeTowerForImageAndTextRetrieval.fromPretrained(folder, { onWarning });
  const { logits, loss } = await model.forward({
    input_ids: int64Matrix(input_ids),
    attention_mask: int64Matrix(attention_mask),
    pixel_values: new HostTensor("float32", pixel_values.shape, tinyInput("pixel_values", pixel_values.shape)),
    labels: labels(expected.labels.itm),
  });
  expect(deviation(logits.toArray(), expected["itm.logits"].flat())).toBeLessThan(1);
  expect(loss).toBeCloseTo(expected.losses.itm, 5);
  expect(warnings).toEqual([]);
  await BridgeTowerForMaskedLM.fromPretrained(folder);
  await expect(BridgeTowerForContrastiveLearning.fromPretrained(folder)).rejects.toThrow(/contrastive_hidden_size/);
});
