/** Unused values are not computed: the parameters of each graph, and the number of tokens. */
import { expect, test } from "vitest";
import { readCase } from "../../fixtures/golden.js";
import { formatType, printGraph, topologicalOrder, type Operation } from "../graph/index.js";
import { nativeImage } from "../model/index.js";
import { fusionGraph, imageGraph, pairGraph, textGraph, type Outputs } from "./sub-graphs.js";

const { config } = readCase("all_levels");
const image = nativeImage(config);
const lastLevel = config.num_hidden_layers - 1;
const lastText = config.text_config.num_hidden_layers - 1;
const { hidden_size, text_config } = config;

const nodesOf = (outputs: Outputs) => topologicalOrder(Object.values(outputs));

/** Names of the parameters that a graph reads. */
const parametersOf = (outputs: Outputs) =>
  nodesOf(outputs).flatMap((node) => (node.kind === "parameter" ? [node.name] : []));

/** Names of the inputs that a graph needs. */
const inputsOf = (outputs: Outputs) => nodesOf(outputs).flatMap((node) => (node.kind === "input" ? [node.name] : []));

/** Types of the results of operations that read a parameter. */
function typesAt(outputs: Outputs, parameter: string): string[] {
  const reads = (node: Operation) => node.inputs.some((x) => x.kind === "parameter" && x.name === parameter);
  return nodesOf(outputs).flatMap((node) => (node.kind === "operation" && reads(node) ? [formatType(node)] : []));
}

test("a text embedding reads the text tower and its head alone", () => {
  const outputs = textGraph(config).heads(["itc"]);
  expect(inputsOf(outputs).sort()).toEqual(["attention_mask", "input_ids"]);
  expect(parametersOf(outputs).filter((name) => !/^(text_model|itc_text_head)\./.test(name))).toEqual([]);
});

test("an image embedding reads the vision tower, its last transform and its head alone", () => {
  const outputs = imageGraph(config).heads(["itc"]);
  expect(inputsOf(outputs)).toEqual(["pixel_values"]);
  const other = /^(vision_model|cross_modal_image_transform|itc_image_head)\./;
  expect(parametersOf(outputs).filter((name) => !other.test(name))).toEqual(["token_type_embeddings.weight"]);
});

test("embeddings compute the last layer for the first token only", () => {
  const wide = `text_model.encoder.layer.${lastText}.intermediate.dense.weight`;
  expect(typesAt(textGraph(config).heads(["itc"]), wide)).toEqual([
    `float32[batch, 1, ${text_config.intermediate_size}]`,
  ]);
  const block = `vision_model.visual.transformer.resblocks.${lastText}.mlp.c_fc.weight`;
  expect(typesAt(imageGraph(config).heads(["itc"]), block)).toEqual([
    `float32[batch, 1, ${4 * config.vision_config.hidden_size}]`,
  ]);
});

test("image-text matching computes the last level's queries and feed-forward for one token", () => {
  const outputs = pairGraph(config, { image, lastQueries: "first" }).heads("itm");
  for (const modality of ["text", "image"]) {
    const last = `cross_modal_${modality}_layers.${lastLevel}`;
    const wide = `float32[batch, 1, ${text_config.intermediate_size}]`;
    expect(typesAt(outputs, `${last}.intermediate.dense.weight`)).toEqual([wide]);
    expect(typesAt(outputs, `${last}.attention.self.query.weight`)).toEqual([`float32[batch, 1, ${hidden_size}]`]);
    const below = `cross_modal_${modality}_layers.${lastLevel - 1}.intermediate.dense.weight`;
    expect(typesAt(outputs, below)).not.toEqual([wide]);
  }
  // Keys and values are still those of all tokens.
  const keys = `cross_modal_text_layers.${lastLevel}.attention.self.key.weight`;
  expect(typesAt(outputs, keys)).toEqual([`float32[batch, text, ${hidden_size}]`]);
});

test("filling masks reads neither the last image layer, nor the poolers, nor another head", () => {
  const outputs = pairGraph(config, { image }).heads("mlm");
  const all = pairGraph(config, { image });
  const itm = parametersOf(all.heads("itm"));
  const mlm = new Set(parametersOf(outputs));
  const left = itm.filter((name) => !mlm.has(name));
  const expected = new RegExp(
    `^(cross_modal_image_layers\\.${lastLevel}|cross_modal_(text|image)_pooler|itm_score)\\.`,
  );
  expect(left).toEqual(itm.filter((name) => expected.test(name)));
  expect(left.length).toBeGreaterThan(0);
});

test("a side's state reads no parameter of the other modality's tower", () => {
  expect(parametersOf(textGraph(config).state()).filter((name) => name.startsWith("vision_model."))).toEqual([]);
  expect(parametersOf(imageGraph(config).state()).filter((name) => name.startsWith("text_model."))).toEqual([]);
});

test("the fusion reads no tower, and its inputs are the outputs of both sides", () => {
  const outputs = fusionGraph(config, { lastQueries: "first" }).heads(["itm"]);
  expect(parametersOf(outputs).filter((name) => /^(text|vision)_model\./.test(name))).toEqual([]);
  const given = [...Object.keys(textGraph(config).state()), ...Object.keys(imageGraph(config).state())];
  expect(inputsOf(outputs).sort()).toEqual([...given, "attention_mask"].sort());
});

test("sub-graphs and the whole model read the same parameters, each once", () => {
  const parts = [
    ...parametersOf(textGraph(config).state()),
    ...parametersOf(imageGraph(config).state()),
    ...parametersOf(fusionGraph(config, { lastQueries: "first" }).heads(["itm"])),
  ];
  const whole = parametersOf(pairGraph(config, { image, lastQueries: "first" }).heads("itm"));
  // The first level's keys and values and its type table are read by more than one part.
  expect([...new Set(parts)].sort()).toEqual([...whole].sort());
});

test("no graph computes a state twice", () => {
  const text = printGraph(pairGraph(config, { image }).heads("itm"));
  const projections = text
    .split("\n")
    .filter((line) => line.includes("text_model.encoder.layer.0.attention.self.query"));
  expect(projections).toHaveLength(1);
});
