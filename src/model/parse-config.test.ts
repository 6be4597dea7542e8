import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseConfig } from "./index.js";

const json = (changes: object = {}) => ({ model_type: "bridgetower", ...changes });

const published = JSON.parse(
  readFileSync(new URL("../../fixtures/data/model/default-config.json", import.meta.url), "utf8"),
) as Readonly<Record<string, unknown>>;

/** The fields of `ours` as `theirs` has them. */
function commonFields(ours: object, theirs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.keys(ours).flatMap((key) => (key in theirs ? [[key, theirs[key]]] : [])));
}

/** Fields that transformers does not have: heads and objectives of the authors' code. */
const ours = {
  contrastive_form: "joint",
  token_type_count: 2,
  meter_fusion: false,
  vqav2_label_size: 3_129,
  task_head_layers: 2,
  head_hidden_scale: 1,
  nlvr2_drop_rate: 0.1,
};

test("defaults are those of transformers", () => {
  const { text_config, vision_config, ...top } = parseConfig(json());
  const { text_config: theirText, vision_config: theirVision, ...theirTop } = published;
  expect(text_config).toEqual(commonFields(text_config, theirText as Record<string, unknown>));
  expect(vision_config).toEqual(commonFields(vision_config, theirVision as Record<string, unknown>));
  const { contrastive_hidden_size, logit_scale_init_value, ...common } = top;
  expect(common).toEqual({ ...ours, ...commonFields(common, theirTop) });
  expect([contrastive_hidden_size, logit_scale_init_value]).toEqual([undefined, undefined]);
  expect(parseConfig(published)).toEqual(parseConfig(json()));
});

test("a sparse file changes only what it names, null is not set, unknown fields are ignored", () => {
  const given = { num_hidden_layers: 4, layer_norm_eps: null, text_config: null, vision_config: { image_size: 224 } };
  const expected = parseConfig(json());
  expect(parseConfig(json({ ...given, novelty: { deep: [1] } }))).toEqual({
    ...expected,
    num_hidden_layers: 4,
    vision_config: { ...expected.vision_config, image_size: 224 },
  });
});

test("fields of a prototype are not fields of the file", () => {
  expect(parseConfig(json({ text_config: Object.create({ vocab_size: 7 }) as object })).text_config.vocab_size).toBe(
    50_265,
  );
});

/** What is said of each config that cannot be. */
const refused: Readonly<Record<string, unknown>> = {
  "no object": [1, 2],
  "another model": { model_type: "clip" },
  "no model": {},
  "text_config is a list": json({ text_config: [] }),
  "an unknown activation": json({ text_config: { hidden_act: "gelu_nwe" } }),
  "an activation like none": json({ hidden_act: "softmax" }),
  "half a layer": json({ num_hidden_layers: 1.5 }),
  "a width as text": json({ hidden_size: "768" }),
  "a width past all limits": json({ hidden_size: 1e9 }),
  "a flag as number": json({ share_link_tower_layers: 1 }),
  "a negative epsilon": json({ layer_norm_eps: -1e-5 }),
  "an epsilon of 0": json({ vision_config: { layer_norm_eps: 0 } }),
  "a probability above 1": json({ text_config: { hidden_dropout_prob: 7 } }),
  "a negative probability": json({ text_config: { attention_probs_dropout_prob: -1 } }),
  "a drop rate above 1": json({ nlvr2_drop_rate: 9 }),
  "a classifier without width": json({ head_hidden_scale: 0 }),
  "a classifier of less than one column": json({ head_hidden_scale: 1e-6 }),
  "an unknown link tower": json({ link_tower_type: "added" }),
  "a decoder": json({ text_config: { is_decoder: true } }),
  "a decoder's cross attention": json({ text_config: { add_cross_attention: true } }),
  "two hidden sizes": json({ hidden_size: 512 }),
  "heads that do not divide": json({ text_config: { num_attention_heads: 7 } }),
  "no vision head": json({ vision_config: { hidden_size: 32 } }),
  "vision heads that do not divide": json({ vision_config: { hidden_size: 200 } }),
  "more levels than layers": json({ num_hidden_layers: 14 }),
  "fewer vision blocks than text layers": json({ vision_config: { num_hidden_layers: 11 } }),
  "fewer by the removed one": json({ vision_config: { remove_last_layer: true } }),
  "a patch larger than the image": json({ vision_config: { patch_size: 300 } }),
  "no room for a text": json({ text_config: { max_position_embeddings: 3 } }),
  "padding outside of the vocabulary": json({ text_config: { vocab_size: 1, pad_token_id: 1 } }),
};

test("invalid configs are refused with the field, the reason and a hint", () => {
  const messages = Object.entries(refused).map(([title, given]) => {
    try {
      parseConfig(given);
    } catch (error) {
      return `${title}: ${String(error)}`;
    }
    return `${title}: taken`;
  });
  expect(messages.join("\n")).toMatchInlineSnapshot(`
    "no object: InputError: config.json: expected a JSON object, found an array.
    another model: InputError: model_type in config.json: expected "bridgetower" or "meter", found "clip". Pass the folder of a BridgeTower checkpoint.
    no model: InputError: model_type in config.json: expected "bridgetower" or "meter", found undefined. Pass the folder of a BridgeTower checkpoint.
    text_config is a list: InputError: text_config in config.json: expected a JSON object, found an array.
    an unknown activation: InputError: text_config.hidden_act in config.json: expected one of gelu, gelu_python, gelu_10, gelu_new, gelu_fast, gelu_accurate, gelu_pytorch_tanh, gelu_python_tanh, hardswish, laplace, leaky_relu, linear, mish, quick_gelu, relu, relu2, relu6, sigmoid, silu, sqrtsoftplus, swish, tanh, found "gelu_nwe". The nearest is gelu_new.
    an activation like none: InputError: hidden_act in config.json: expected one of gelu, gelu_python, gelu_10, gelu_new, gelu_fast, gelu_accurate, gelu_pytorch_tanh, gelu_python_tanh, hardswish, laplace, leaky_relu, linear, mish, quick_gelu, relu, relu2, relu6, sigmoid, silu, sqrtsoftplus, swish, tanh, found "softmax".
    half a layer: InputError: num_hidden_layers in config.json: expected a whole number from 1 to 1000, found 1.5.
    a width as text: InputError: hidden_size in config.json: expected a whole number from 1 to 65536, found "768".
    a width past all limits: InputError: hidden_size in config.json: expected a whole number from 1 to 65536, found 1000000000.
    a flag as number: InputError: share_link_tower_layers in config.json: expected true or false, found 1.
    a negative epsilon: InputError: layer_norm_eps in config.json: expected a finite number above 0, found -0.00001.
    an epsilon of 0: InputError: vision_config.layer_norm_eps in config.json: expected a finite number above 0, found 0.
    a probability above 1: InputError: text_config.hidden_dropout_prob in config.json: expected a number from 0 to 1, found 7.
    a negative probability: InputError: text_config.attention_probs_dropout_prob in config.json: expected a number from 0 to 1, found -1.
    a drop rate above 1: InputError: nlvr2_drop_rate in config.json: expected a number from 0 to 1, found 9.
    a classifier without width: InputError: head_hidden_scale in config.json: expected a finite number above 0, found 0.
    a classifier of less than one column: InputError: head_hidden_scale in config.json: expected at least 0.0006510416666666666, for one column in the classifiers, found 0.000001. The fields contradict each other: use the config.json published with these weights.
    an unknown link tower: InputError: link_tower_type in config.json: expected one of add, scaled_add, interpolate, found "added". The nearest is add.
    a decoder: InputError: text_config.is_decoder in config.json: expected false (an encoder), found true. The fields contradict each other: use the config.json published with these weights.
    a decoder's cross attention: InputError: text_config.add_cross_attention in config.json: expected false, found true. The fields contradict each other: use the config.json published with these weights.
    two hidden sizes: InputError: hidden_size in config.json: expected 768 (text_config.hidden_size), found 512. The fields contradict each other: use the config.json published with these weights.
    heads that do not divide: InputError: text_config.num_attention_heads in config.json: expected a divisor of hidden_size 768, found 7. The fields contradict each other: use the config.json published with these weights.
    no vision head: InputError: vision_config.hidden_size in config.json: expected 64 or more, and a multiple of its number of heads ⌊hidden_size / 64⌋, found 32. The fields contradict each other: use the config.json published with these weights.
    vision heads that do not divide: InputError: vision_config.hidden_size in config.json: expected 64 or more, and a multiple of its number of heads ⌊hidden_size / 64⌋, found 200. The fields contradict each other: use the config.json published with these weights.
    more levels than layers: InputError: num_hidden_layers in config.json: expected at most 13: one for each text layer and one for the embeddings, found 14. The fields contradict each other: use the config.json published with these weights.
    fewer vision blocks than text layers: InputError: vision_config.num_hidden_layers in config.json: expected at least 12 blocks, one for each text layer, found 11. The fields contradict each other: use the config.json published with these weights.
    fewer by the removed one: InputError: vision_config.num_hidden_layers in config.json: expected at least 12 blocks, one for each text layer, found 11. The fields contradict each other: use the config.json published with these weights.
    a patch larger than the image: InputError: vision_config.patch_size in config.json: expected at most image_size 288, found 300. The fields contradict each other: use the config.json published with these weights.
    no room for a text: InputError: text_config.max_position_embeddings in config.json: expected more than pad_token_id + 2, 3, found 3. The fields contradict each other: use the config.json published with these weights.
    padding outside of the vocabulary: InputError: text_config.pad_token_id in config.json: expected below vocab_size 1, found 1. The fields contradict each other: use the config.json published with these weights."
  `);
});

test("messages call the file as the caller does", () => {
  expect(() => parseConfig(null, "models/base/config.json")).toThrowErrorMatchingInlineSnapshot(
    `[InputError: models/base/config.json: expected a JSON object, found null.]`,
  );
});
