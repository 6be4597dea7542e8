/** Contrastive losses over embeddings of unit length, so that they can be taken over more pairs than one graph has. */
import {
  cast,
  constant,
  div,
  equal,
  exp,
  gradients,
  HostTensor,
  input,
  logSumExp,
  matmul,
  mul,
  add,
  reshape,
  sub,
  sum,
  swapLastAxes,
  type Tensor,
} from "../../graph/index.js";
import { accuracy, mean, Scope, softCrossEntropy } from "../../nn/index.js";
import type { BridgeTowerConfig } from "../config.js";

/**
 * The loss of transformers 5.23: (CE(k·t iᵀ) + CE(k·t cᵀ) + CE(k·i cᵀ)) / 3 with k = exp(logit_scale) and the diagonal as
 * targets, rows only.
 * @param embeds text, image and pair embeddings [batch, contrastive_hidden_size] each
 */
export function jointContrastiveLoss(p: Scope, embeds: { text: Tensor; image: Tensor; cross: Tensor }): Tensor {
  const scale = exp(p.parameter("logit_scale", []));
  const rowLoss = (queries: Tensor, targets: Tensor) => {
    const logits = mul(matmul(queries, swapLastAxes(targets)), scale);
    const diagonal = mul(sum(mul(queries, targets), { axes: [-1] }), scale);
    return mean(sub(logSumExp(logits, { axes: [-1] }), diagonal));
  };
  const { text, image, cross } = embeds;
  return div(add(add(rowLoss(text, image), rowLoss(text, cross)), rowLoss(image, cross)), 3);
}

/** τ of the dual form, a scalar: similarities are divided by it. The learner keeps it as `clampTemperature` does. */
export const temperature = (p: Scope): Tensor => p.parameter("temperature", []);

/** The range to which the authors' code clamps the temperature before each use. */
export const clampTemperature = (value: number): number => Math.min(0.5, Math.max(0.001, value));

export interface DualContrastive {
  readonly loss: Tensor;
  /** i tᵀ / τ [batch, batch], a row for each image. */
  readonly imageToText: Tensor;
  /** t iᵀ / τ [batch, batch], a row for each text. */
  readonly textToImage: Tensor;
  /** Which text belongs to which image, bool [batch, batch]; symmetric. */
  readonly same: Tensor;
}

/**
 * The authors' loss: (CE(i tᵀ / τ) + CE(t iᵀ / τ)) / 2, whose targets are the pair's own partner or, with `imageIds`, all
 * partners of the same image in equal parts.
 * @param embeds text and image embeddings [batch, contrastive_hidden_size] each
 * @param imageIds int64 [batch], equal for pairs of the same image
 */
export function dualContrastive(
  p: Scope,
  embeds: { text: Tensor; image: Tensor },
  imageIds: Tensor = pairNumbers(embeds.text.shape[0] as number),
): DualContrastive {
  const { text, image } = embeds;
  const count = text.shape[0]!;
  const imageToText = div(matmul(image, swapLastAxes(text)), temperature(p));
  const textToImage = swapLastAxes(imageToText);
  const same = equal(reshape(imageIds, [count, 1]), reshape(imageIds, [1, count]));
  const weights = cast(same, "float32");
  const targets = div(weights, sum(weights, { axes: [-1], keepDims: true }));
  const loss = div(add(softCrossEntropy(imageToText, targets), softCrossEntropy(textToImage, targets)), 2);
  return { loss, imageToText, textToImage, same };
}

/** Embeddings of pairs, unit length, [batch, contrastive_hidden_size] each; `cross` in the joint form. */
export interface ContrastiveEmbeds {
  readonly text: Tensor;
  readonly image: Tensor;
  readonly cross?: Tensor;
}

export interface ContrastiveLoss {
  readonly loss: Tensor;
  /** Share of texts whose own image is the most similar of all. */
  readonly score: Tensor;
  /** Similarities of each text with each image [batch, batch]. */
  readonly logits: Tensor;
}

/** The loss in the joint form if there are embeddings of the pairs, else in the dual form. */
export function contrastiveLoss(
  p: Scope,
  { text, image, cross }: ContrastiveEmbeds,
  imageIds?: Tensor,
): ContrastiveLoss {
  if (cross === undefined) {
    const { loss, textToImage } = dualContrastive(p, { text, image }, imageIds);
    return { loss, score: diagonalAccuracy(textToImage), logits: textToImage };
  }
  const logits = matmul(text, swapLastAxes(image));
  return { loss: jointContrastiveLoss(p, { text, image, cross }), score: diagonalAccuracy(logits), logits };
}

/**
 * The loss over pairs whose embeddings are given, `itc_text`, `itc_image` and in the joint form `itc_cross`, for soft targets
 * `itc_image_ids`; and its gradients by them.
 */
export function contrastiveBatch(
  config: BridgeTowerConfig,
  pairs: number,
  imageIds: boolean,
): ContrastiveLoss & { readonly p: Scope; readonly gradients: Readonly<Record<string, Tensor>> } {
  const p = Scope.training();
  const embed = (name: string) => input(`itc_${name}`, "float32", [pairs, config.contrastive_hidden_size!]);
  const [text, image, cross] = [embed("text"), embed("image"), embed("cross")];
  const embeds = config.contrastive_form === "joint" ? { text, image, cross } : { text, image };
  const contrast = contrastiveLoss(p, embeds, imageIds ? input("itc_image_ids", "int64", [pairs]) : undefined);
  // The loss reads every one of them.
  const found = gradients(contrast.loss, Object.values(embeds)) as Tensor[];
  return { ...contrast, p, gradients: Object.fromEntries(Object.keys(embeds).map((name, i) => [name, found[i]!])) };
}

/** Share of rows whose largest entry is on the diagonal. [n, n] -> [] */
const diagonalAccuracy = (logits: Tensor): Tensor => accuracy(logits, pairNumbers(logits.shape[0] as number));

/** 0 … count − 1: every pair has another image. */
const pairNumbers = (count: number): Tensor =>
  constant(
    new HostTensor(
      "int64",
      [count],
      BigInt64Array.from({ length: count }, (_, i) => BigInt(i)),
    ),
  );
