/**
 * What the model is trained for. A step stacks its texts and its images, runs each tower once over its stack, and each
 * objective names by rows which text goes with which image; all are summed, as in the authors' code, with weights.
 */
import {
  add,
  argMax,
  concat,
  constant,
  gather,
  HostTensor,
  mul,
  pick,
  reshape,
  scalar,
  sum,
  where,
  type Tensor,
} from "../graph/index.js";
import { accuracy, binaryCrossEntropy, crossEntropy, mean, Scope } from "../nn/index.js";
import { pooled, type ImageType } from "./bridgetower.js";
import type { BridgeTowerConfig } from "./config.js";
import { contrastiveLoss, dualContrastive, type ContrastiveEmbeds } from "./contrastive.js";
import { itmHead, mlmHead, nlvr2Head, pairEmbedding, rankHead, snliHead, vqaHead } from "./heads.js";
import type { Head } from "./parameters.js";
import { Step, type StackSizes } from "./step.js";

/** How often an objective is applied in a step, and what its loss is multiplied with. */
export interface ObjectiveUse {
  /** Pairs of a text and an image; of IRTR and NLVR2 the texts that are judged. */
  readonly pairs: number;
  /** Default 1. */
  readonly weight?: number;
  /** IRTR: false texts for each true one. */
  readonly falseTexts?: number;
  /** Dual contrastive losses: pairs of the same image count as partners, by `itc_image_ids`. */
  readonly imageIds?: boolean;
  /**
   * Contrastive losses over more pairs than this graph holds: the loss becomes Σ embedding · its gradient, which the graph
   * is given as `itc_text_gradient`, `itc_image_gradient`, in the joint form `itc_cross_gradient`. Gao et al., Scaling Deep
   * Contrastive Learning Batch Size under Memory Limited Setup, 2021.
   */
  readonly cached?: boolean;
}

export interface ObjectiveResult {
  /** A scalar. */
  readonly loss: Tensor;
  /** Share of right answers, or the VQA score: a scalar in 0..1. */
  readonly score: Tensor;
  /** What the score is taken from. */
  readonly logits: Tensor;
  /** The loss without what `cached` leaves to the whole batch; absent where that is nothing. */
  readonly ownLoss?: Tensor;
  /** Of contrastive objectives, [pairs, contrastive_hidden_size] each. */
  readonly embeds?: ContrastiveEmbeds;
  /** Rows drawn as hard negatives, int64 [pairs] each. */
  readonly drawn?: { readonly images: Tensor; readonly texts: Tensor };
}

type Objective = (step: Step, use: ObjectiveUse) => ObjectiveResult;

const classification = (logits: Tensor, labels: Tensor): ObjectiveResult => ({
  loss: crossEntropy(logits, labels),
  score: accuracy(logits, labels),
  logits,
});

/**
 * Masked language modelling. `mlm_texts`, `mlm_images`, `mlm_labels` [pairs, tokens] (−100: not masked), and what the sum is
 * divided by, `mlm_label_count` float32 [].
 */
function mlm(step: Step, { pairs }: ObjectiveUse): ObjectiveResult {
  const { text } = step.fuse(step.rows("mlm_texts", [pairs]), step.rows("mlm_images", [pairs]), "all");
  const logits = mlmHead(step.p, step.config, text);
  const labels = step.rows("mlm_labels", [pairs, step.sizes.tokens]);
  const count = step.floats("mlm_label_count", []);
  return { loss: crossEntropy(logits, labels, { count }), score: accuracy(logits, labels), logits };
}

/** Image-text matching. `itm_texts`, `itm_images`, `itm_labels` (1: they belong together). */
function itm(step: Step, { pairs }: ObjectiveUse): ObjectiveResult {
  return classification(itmHead(step.p, step.pool("itm", pairs)), step.rows("itm_labels", [pairs]));
}

/** Image-text contrast, in the form of the config. `itc_texts`, `itc_images`, for soft targets `itc_image_ids`. */
function itc(step: Step, use: ObjectiveUse): ObjectiveResult {
  const { p, config } = step;
  const { text, image } = uniModalEmbeds(step, use);
  const joint = config.contrastive_form === "joint";
  const embeds = joint
    ? { text, image, cross: pairEmbedding(p, config, step.pool("itc", use.pairs)) }
    : { text, image };
  const contrast = contrastiveLoss(p, embeds, imageIds(step, use));
  if (use.cached !== true) return { ...contrast, embeds };
  return { ...contrast, loss: surrogate(step, embeds), ownLoss: scalar(0), embeds };
}

/**
 * Contrast, and matching against hard negatives that are drawn by similarity: the softmax of the logits, own partners left
 * out, sampled as arg-max of logits plus Gumbel noise. `itm_itc_image_noise`, `itm_itc_text_noise` [pairs, pairs], inputs of `itc`.
 */
function itm_itc(step: Step, use: ObjectiveUse): ObjectiveResult {
  const { pairs } = use;
  const embeds = uniModalEmbeds(step, use);
  const { loss, imageToText, textToImage, same } = dualContrastive(step.p, embeds, imageIds(step, use));
  const draw = (logits: Tensor, noise: string) =>
    // Not so low that the noise is lost: where all are partners, any is drawn.
    argMax(add(where(same, -1e4, logits), step.floats(noise, [pairs, pairs])), 1);
  const drawn = {
    images: draw(textToImage, "itm_itc_image_noise"),
    texts: draw(imageToText, "itm_itc_text_noise"),
  };
  const texts = step.rows("itc_texts", [pairs]);
  const images = step.rows("itc_images", [pairs]);
  const fused = step.fuse(
    concat([texts, texts, gather(texts, drawn.texts)], 0),
    concat([images, gather(images, drawn.images), images], 0),
    "first",
  );
  const labels = BigInt64Array.from({ length: 3 * pairs }, (_, i) => (i < pairs ? 1n : 0n));
  const logits = itmHead(step.p, pooled(step.p, step.config, fused));
  const matching = classification(logits, constant(new HostTensor("int64", [3 * pairs], labels)));
  return use.cached === true
    ? { ...matching, loss: add(surrogate(step, embeds), matching.loss), ownLoss: matching.loss, embeds, drawn }
    : { ...matching, loss: add(loss, matching.loss), embeds, drawn };
}

const uniModalEmbeds = (step: Step, { pairs }: ObjectiveUse) => ({
  text: gather(step.textEmbeds(), step.rows("itc_texts", [pairs])),
  image: gather(step.imageEmbeds(), step.rows("itc_images", [pairs])),
});

const imageIds = (step: Step, use: ObjectiveUse): Tensor | undefined =>
  use.imageIds === true ? step.rows("itc_image_ids", [use.pairs]) : undefined;

/** Σ embedding · its gradient, whose own gradient is that of the loss which the gradients came from. */
function surrogate(step: Step, embeds: ContrastiveEmbeds): Tensor {
  return Object.entries<Tensor>({ ...embeds })
    .map(([name, embed]) => {
      const gradient = step.floats(`itc_${name}_gradient`, embed.shape as readonly number[]);
      return sum(mul(embed, gradient), { axes: [0, 1] });
    })
    .reduce((total, part) => add(total, part));
}

/** Ranking of the true text among false ones. `irtr_texts` [pairs, 1 + falseTexts], the true one first; `irtr_images`. */
function irtr(step: Step, { pairs, falseTexts = 15 }: ObjectiveUse): ObjectiveResult {
  const { p, config } = step;
  const texts = reshape(step.rows("irtr_texts", [pairs, 1 + falseTexts]), [pairs * (1 + falseTexts)]);
  const repeat = BigInt64Array.from({ length: pairs * (1 + falseTexts) }, (_, i) =>
    BigInt(Math.floor(i / (1 + falseTexts))),
  );
  const images = gather(step.rows("irtr_images", [pairs]), constant(new HostTensor("int64", [repeat.length], repeat)));
  const scores = rankHead(p, pooled(p, config, step.fuse(texts, images, "first")));
  const first = constant(HostTensor.zeros("int64", [pairs]));
  return classification(reshape(scores, [pairs, 1 + falseTexts]), first);
}

/** Visual question answering. `vqa_texts`, `vqa_images`, `vqa_scores` float32 [pairs, vqav2_label_size] in 0..1. */
function vqa(step: Step, { pairs }: ObjectiveUse): ObjectiveResult {
  const { p, config } = step;
  const logits = vqaHead(p, config, step.pool("vqa", pairs));
  const scores = step.floats("vqa_scores", [pairs, config.vqav2_label_size]);
  return {
    loss: mul(binaryCrossEntropy(logits, scores), config.vqav2_label_size),
    score: mean(pick(scores, argMax(logits, -1))),
    logits,
  };
}

/** Entailment. `snli_texts`, `snli_images`, `snli_labels` (0 contradiction, 1 neutral, 2 entailment). */
function snli(step: Step, { pairs }: ObjectiveUse): ObjectiveResult {
  return classification(snliHead(step.p, step.config, step.pool("snli", pairs)), step.rows("snli_labels", [pairs]));
}

/** A statement over two images. `nlvr2_texts`, `nlvr2_first_images`, `nlvr2_second_images`, `nlvr2_labels` (1: true). */
function nlvr2(step: Step, { pairs }: ObjectiveUse): ObjectiveResult {
  const { p, config } = step;
  const texts = step.rows("nlvr2_texts", [pairs]);
  const pool = (which: string, type: ImageType) =>
    pooled(p, config, step.fuse(texts, step.rows(`nlvr2_${which}_images`, [pairs]), "first", type));
  const logits = nlvr2Head(p, config, [pool("first", 1), pool("second", 2)]);
  return classification(logits, step.rows("nlvr2_labels", [pairs]));
}

export const objectives = { mlm, itm, itc, itm_itc, irtr, vqa, snli, nlvr2 } satisfies Record<string, Objective>;
export type ObjectiveName = keyof typeof objectives;

/** The heads that an objective trains. */
export const headsOf: Readonly<Record<ObjectiveName, readonly Head[]>> = {
  mlm: ["mlm"],
  itm: ["itm"],
  itc: ["itc"],
  itm_itc: ["itm", "itc"],
  irtr: ["rank"],
  vqa: ["vqa"],
  snli: ["snli"],
  nlvr2: ["nlvr2"],
};

export type ObjectiveUses = Readonly<Partial<Record<ObjectiveName, ObjectiveUse>>>;

export interface TrainingStep {
  /** Σ weight · loss, a scalar. */
  readonly loss: Tensor;
  readonly results: Readonly<Partial<Record<ObjectiveName, ObjectiveResult>>>;
  /** States between blocks: from these, what lies inside a block can be computed again. */
  readonly boundaries: readonly Tensor[];
  /** The scope, which knows the parameters and the inputs of random bytes. */
  readonly p: Scope;
}

/**
 * One step's graph: towers over the stacks, then every objective.
 * @param p with random bytes for dropout, or without any to judge the model as it is
 */
export function trainingStep(
  config: BridgeTowerConfig,
  sizes: StackSizes,
  uses: ObjectiveUses,
  p = Scope.training(),
): TrainingStep {
  const dualAlone = config.contrastive_form === "dual" && Object.keys(uses).every((name) => name === "itc");
  const step = new Step(p, config, sizes, dualAlone ? "embeddings" : "states");
  const entries = (Object.entries(uses) as [ObjectiveName, ObjectiveUse][]).map(
    ([name, use]) => [name, use, objectives[name](step, use)] as const,
  );
  const losses = entries.map(([, { weight = 1 }, { loss }]) => (weight === 1 ? loss : mul(loss, weight)));
  return {
    loss: losses.reduce((sum, loss) => add(sum, loss)),
    results: Object.fromEntries(entries.map(([name, , result]) => [name, result])),
    boundaries: step.boundaries,
    p,
  };
}
