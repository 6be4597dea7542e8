import { expect, test } from "vitest";
import { tiny } from "../tiny-config.test-support.js";
import { heads, parameterList } from "../../model/index.js";
import { parameterGroup } from "./index.js";

const settings = { weight_decay: 0.05, lr_mult_head: 50, lr_mult_cross_modal: 5 };

const tricky: readonly [name: string, group: string, decayed: boolean][] = [
  ["text_model.embeddings.word_embeddings.weight", "base", true],
  ["text_model.embeddings.LayerNorm.weight", "base", false],
  ["text_model.encoder.layer.0.attention.self.query.bias", "base", false],
  ["vision_model.visual.embeddings.class_embedding", "base", true],
  ["vision_model.visual.embeddings.position_embedding.weight", "base", true],
  ["vision_model.visual.ln_pre.weight", "base", true],
  ["vision_model.visual.ln_post.weight", "base", true],
  ["vision_model.visual.ln_post.bias", "base", false],
  ["vision_model.visual.transformer.resblocks.0.ln_1.weight", "base", true],
  ["vision_model.visual.transformer.resblocks.0.attn.in_proj_weight", "base", true],
  ["vision_model.visual.transformer.resblocks.0.attn.in_proj_bias", "base", false],
  ["token_type_embeddings.weight", "base", true],
  ["temperature", "base", true],
  ["logit_scale", "base", true],
  ["rank_output.weight", "base", true],
  ["rank_output.bias", "base", false],
  ["text_gate.weight", "base", true],
  ["cross_modal_text_transform.weight", "cross_modal", true],
  ["cross_modal_text_layernorm.weight", "cross_modal", false],
  ["cross_modal_image_layers.0.attention.output.LayerNorm.weight", "cross_modal", false],
  ["cross_modal_image_link_tower.0.LayerNorm.weight", "cross_modal", false],
  ["cross_modal_image_link_tower.0.scaled_factor", "cross_modal", true],
  ["cross_modal_text_pooler.dense.weight", "cross_modal", true],
  ["itc_cross_modal_head.fc.weight", "cross_modal", true],
  ["itc_text_head.fc.weight", "head", true],
  ["itm_score.fc.weight", "head", true],
  ["itm_score.fc.bias", "head", false],
  ["mlm_score.transform.LayerNorm.weight", "head", false],
  ["mlm_score.decoder.weight", "head", true],
  ["mlm_score.bias", "head", false],
  ["vqa_classifier.0.weight", "head", true],
  ["vqa_classifier.1.weight", "head", true],
  ["vqa_classifier.1.bias", "head", false],
];

const factors: Readonly<Record<string, number>> = { base: 1, head: 50, cross_modal: 5 };

test.each(tricky)("%s: %s, decayed %s", (name, group, decayed) => {
  const weightDecay = decayed ? 0.05 : 0;
  expect(parameterGroup(name, settings)).toEqual({ group, learningRateFactor: factors[group], weightDecay });
});

test("of all parameters of the model, biases, text and link LayerNorms are not decayed", () => {
  const { used, unused } = parameterList(tiny(), heads);
  const names = [...used, ...unused].map(({ name }) => name);
  const notDecayed = (name: string) => parameterGroup(name, settings).weightDecay === 0;
  const expected = names.filter((name) => /bias$|(LayerNorm|_layernorm)\.weight$/.test(name));
  expect(names.filter(notDecayed)).toEqual(expected);
  const groups = new Map(names.map((name) => [name.split(".")[0]!, parameterGroup(name, settings).group]));
  expect(Object.fromEntries([...groups].sort())).toMatchInlineSnapshot(`
    {
      "cross_modal_image_layernorm": "cross_modal",
      "cross_modal_image_layers": "cross_modal",
      "cross_modal_image_link_tower": "cross_modal",
      "cross_modal_image_pooler": "cross_modal",
      "cross_modal_image_transform": "cross_modal",
      "cross_modal_text_layernorm": "cross_modal",
      "cross_modal_text_layers": "cross_modal",
      "cross_modal_text_link_tower": "cross_modal",
      "cross_modal_text_pooler": "cross_modal",
      "cross_modal_text_transform": "cross_modal",
      "itc_cross_modal_head": "cross_modal",
      "itc_image_head": "head",
      "itc_text_head": "head",
      "itm_score": "head",
      "logit_scale": "base",
      "mlm_score": "head",
      "nlvr2_classifier": "head",
      "rank_output": "base",
      "snli_classifier": "head",
      "text_model": "base",
      "token_type_embeddings": "base",
      "vision_model": "base",
      "vqa_classifier": "head",
    }
  `);
});

test("a name of a head and of the cross-modal layers is refused", () => {
  expect(() => parameterGroup("cross_modal.itm_score.weight", settings)).toThrow("its learning rate is undefined");
});
