/**
 * Which learning rate and weight decay a parameter gets, by its name as in the authors' code: any part of a name
 * counts, so LayerNorms whose names do not say so (`ln_1`, `vqa_classifier.1`) are decayed, and biases never are.
 */
import { InputError } from "../../errors.js";
import { headModules } from "../../model/index.js";
import type { GroupSettings } from "./optimizer-settings.js";

const notDecayed = ["bias", "LayerNorm.weight", "norm.weight", "norm1.weight", "norm2.weight"];

const headNames = [...headModules].flatMap(([name, { learningRate }]) => (learningRate === "head" ? [name] : []));

export interface ParameterGroup {
  readonly group: "base" | "head" | "cross_modal";
  /** Multiplies the scheduled learning rate. */
  readonly learningRateFactor: number;
  readonly weightDecay: number;
}

/**
 * The group of a parameter; authors' `set_schedule`.
 * @throws InputError for a name that is of a head and cross-modal: the authors' code would silently not train it
 */
export function parameterGroup(name: string, settings: GroupSettings): ParameterGroup {
  const contains = (part: string) => name.includes(part);
  const weightDecay = notDecayed.some(contains) ? 0 : settings.weight_decay;
  const isHead = headNames.some(contains);
  const isCrossModal = contains("cross_modal");
  if (isHead && isCrossModal) {
    throw new InputError({
      code: "invalid-argument",
      where: name,
      expected: "a parameter of a head or of the cross-modal layers",
      found: "a name of both, so its learning rate is undefined",
    });
  }
  if (isHead) return { group: "head", learningRateFactor: settings.lr_mult_head, weightDecay };
  if (isCrossModal) return { group: "cross_modal", learningRateFactor: settings.lr_mult_cross_modal, weightDecay };
  return { group: "base", learningRateFactor: 1, weightDecay };
}
