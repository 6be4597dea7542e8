import { expect, test } from "vitest";
import { readCase } from "../../fixtures/golden.js";
import { heads, parameterList, parseConfig, type Head } from "../model/index.js";
import { inferConfig } from "./inferred-config.js";

type Json = Readonly<Record<string, unknown>>;

const tiny = readCase("add").configJson as Json & { readonly text_config: Json; readonly vision_config: Json };
/** The tiny config with heads as inference takes them, of 64 columns each. */
const base: Json = {
  ...tiny,
  contrastive_hidden_size: null,
  text_config: { ...tiny.text_config, num_attention_heads: 1 },
};

function shapesOf(config: Json, present: readonly Head[]): Map<string, { shape: readonly number[] }> {
  const { used, unused } = parameterList(parseConfig(config), present);
  return new Map([...used, ...unused].map(({ name, shape }) => [name, { shape: shape }]));
}

test.each<[string, Json, readonly Head[]]>([
  ["no head", {}, []],
  ["every head, two layers", { contrastive_hidden_size: 24, vqav2_label_size: 11 }, heads],
  [
    "a wide head whose scale is no whole number",
    { head_hidden_scale: 1.5, vqav2_label_size: 5 },
    ["itm", "vqa", "nlvr2"],
  ],
  ["heads of one layer", { task_head_layers: 1 }, ["snli", "vqa"]],
  [
    "the authors' contrastive form",
    { contrastive_hidden_size: 24, contrastive_form: "dual", token_type_count: 3 },
    ["itc", "itm"],
  ],
  ["METER", { model_type: "meter" }, ["itm", "mlm"]],
  ["gated METER", { model_type: "meter", meter_fusion: true }, ["itm"]],
  ["scaled links", { link_tower_type: "scaled_add" }, []],
  ["interpolating links", { link_tower_type: "interpolate" }, []],
  ["shared links", { share_link_tower_layers: true }, []],
  ["transforms of their own", { share_cross_modal_transformer_layers: false }, []],
  ["a tied decoder", { tie_word_embeddings: true }, ["mlm"]],
])("the config of a file with %s is found again in its shapes", (_, changes, present) => {
  const config = { ...base, ...changes };
  const shapes = shapesOf(config, present);
  const inferred = inferConfig("x.ckpt", shapes);
  // Defaults are what neither file says; logit_scale_init_value has no trace in shapes.
  const known = { ...parseConfig(config), logit_scale_init_value: undefined };
  const found = { ...parseConfig(inferred), logit_scale_init_value: undefined };
  expect(found).toEqual(known);
  expect(shapesOf(inferred, present)).toEqual(shapes);
});

test.each([1, 0.1, 1.37, 1000 / 1536, 2.999])("the scale %d gives back the width that it was found from", (scale) => {
  const shapes = shapesOf({ ...base, head_hidden_scale: scale }, ["snli"]);
  const inferred = inferConfig("x.ckpt", shapes);
  expect(shapesOf(inferred, ["snli"])).toEqual(shapes);
});

test("a tower alone, and positions that are no square", () => {
  const shapes = shapesOf(base, []);
  const without = (pattern: RegExp) => new Map([...shapes].filter(([name]) => !pattern.test(name)));
  expect(() => inferConfig("x.ckpt", without(/^text_model/))).toThrowErrorMatchingInlineSnapshot(
    `[InputError: x.ckpt: expected the weights of a whole BridgeTower, with text_model.embeddings.word_embeddings.weight, found no such tensor. Use a complete checkpoint; towers alone can only start a training run.]`,
  );
  const odd = new Map(shapes).set("vision_model.visual.embeddings.position_embedding.weight", { shape: [7, 64] });
  expect(() => inferConfig("x.ckpt", odd)).toThrowErrorMatchingInlineSnapshot(
    `[InputError: x.ckpt: vision_model.visual.embeddings.position_embedding.weight: expected rows for the class token and a square of patches, found 7.]`,
  );
});
