/**
 * Which learning rate and weight decay a parameter gets, told by its name as the authors' code does: any part of a name
 * counts, so LayerNorms whose names do not say so (`ln_1`, `vqa_classifier.1`) are decayed, and biases never are.
 */
import { InputError } from "../../errors.js";
import type { GroupSettings } from "./optimizer-settings.js";

const notDecayed = ["bias", "LayerNorm.weight", "norm.weight", "norm1.weight", "norm2.weight"];

const heads = [
  "vqa_classifier",
  "nlvr2_classifier",
  "snli_classifier",
  "mlm_score",
  "itm_score",
  "itc_text_head",
  "itc_image_head",
];

export interface ParameterGroup {
  readonly group: "base" | "head" | "cross_modal";
  /** Multiplies the scheduled learning rate. */
  readonly learningRateFactor: number;
  readonly weightDecay: number;
}

/**
 * The group of a parameter; authors' `set_schedule`.
 * @throws InputError for a name that is of a head and cross-modal: the authors' code would not train it, and say nothing
 */
export function parameterGroup(name: string, settings: GroupSettings): ParameterGroup {
  const contains = (part: string) => name.includes(part);
  const weightDecay = notDecayed.some(contains) ? 0 : settings.weight_decay;
  const isHead = heads.some(contains);
  const isCrossModal = contains("cross_modal");
  if (isHead && isCrossModal) {
    throw new InputError({
      code: "invalid-argument",
      where: name,
      expected: "a parameter of a head or of the cross-modal layers",
      found: "a name that says both, so its learning rate is not defined",
    });
  }
  if (isHead) return { group: "head", learningRateFactor: settings.lr_mult_head, weightDecay };
  if (isCrossModal) return { group: "cross_modal", learningRateFactor: settings.lr_mult_cross_modal, weightDecay };
  return { group: "base", learningRateFactor: 1, weightDecay };
}
