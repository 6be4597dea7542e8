/** The contrastive loss against PyTorch's for the same embeddings. */
import { expect, test } from "vitest";
import { tinyWeight } from "../../../fixtures/tiny-weights.js";
import { lossTolerance } from "../../../fixtures/tolerance.js";
import { readTrainingCase } from "../../../fixtures/training-golden.js";
import { parseConfig } from "../../model/index.js";
import { contrastiveLoss } from "./contrast.js";

test.each(["itc_joint", "itc_dual"])("%s: the loss of training", (name) => {
  const { config: json, outputs, losses } = readTrainingCase(name);
  const { contrastive_form } = parseConfig(json);
  const vectors = (which: string) => {
    const embeds = outputs.get(`itc.${which}_embeds`);
    return embeds && Array.from({ length: embeds.shape[0]! }, (_, i) => embeds.row(i).toArray());
  };
  const [image, cross] = [vectors("image")!, vectors("cross")];
  const pairs = vectors("text")!.map((text, i) => ({ text, image: image[i]!, ...(cross && { cross: cross[i]! }) }));
  const scale =
    contrastive_form === "joint"
      ? Math.exp(tinyWeight("logit_scale", [])[0]!)
      : 1 / clamped(tinyWeight("temperature", [])[0]!);
  const loss = contrastiveLoss(pairs, scale, contrastive_form);
  expect(Math.abs(loss - losses.itc!)).toBeLessThan(lossTolerance.absolute + lossTolerance.relative * losses.itc!);
});

const clamped = (temperature: number) => Math.min(0.5, Math.max(0.001, temperature));
