/**
 * The training objectives. A step stacks its texts and its images, runs each tower once over its stack, and each objective names by rows
 * which text goes with which image; all are summed, as in the authors' code, with weights.
 */
import {
  add,
  argMax,
  concat,
  constant,
  gather,
  HostTensor,
  mul,
  gatherElements,
  reshape,
  scalar,
  sum,
  where,
  type Tensor,
} from "../../graph/index.js";
import { accuracy, binaryCrossEntropy, crossEntropy, ignoredLabel, mean, Scope } from "../../nn/index.js";
import { secondImage, type BridgeTowerConfig, type ConfigNeed } from "../config.js";
import { itmHead, mlmHead, nlvr2Head, pairEmbedding, rankHead, snliHead, vqaHead } from "../heads.js";
import { contrastiveLoss, dualContrastive, type ContrastiveEmbeds } from "./contrastive.js";
import { StackedTowers, type StackSizes } from "./stacked-towers.js";

/** The number of applications of an objective in a step, and the weight of its loss. */
export interface ObjectiveUse {
  /** Pairs of a text and an image; for IRTR and NLVR2 the texts that are ranked or classified. */
  readonly pairs: number;
  /** Default 1. */
  readonly weight?: number;
  /** IRTR: false texts for each true one. */
  readonly falseTexts?: number;
  /** Dual contrastive losses: pairs of the same image count as partners, by `itc_image_ids`. */
  readonly imageIds?: boolean;
  /**
   * Contrastive losses over more pairs than this graph has: the loss becomes Σ embedding · its gradient, which the graph
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
  /** The source of the score. */
  readonly logits: Tensor;
  /** The loss without the part that `cached` leaves to the whole batch; absent if there is no such part. */
  readonly localLoss?: Tensor;
  /** Contrastive objectives: [pairs, contrastive_hidden_size] each. */
  readonly embeds?: ContrastiveEmbeds;
  /** Rows sampled as hard negatives, int64 [pairs] each. */
  readonly sampled?: { readonly images: Tensor; readonly texts: Tensor };
}

const classification = (logits: Tensor, labels: Tensor): ObjectiveResult => ({
  loss: crossEntropy(logits, labels),
  score: accuracy(logits, labels),
  logits,
});

/**
 * Masked language modelling. `mlm_texts`, `mlm_images`, `mlm_labels` [pairs, tokens] (−100: not masked), and the divisor of the sum,
 * `mlm_label_count` float32 [].
 */
function mlm(towers: StackedTowers, { pairs }: ObjectiveUse): ObjectiveResult {
  const { text } = towers.fuse(towers.int64Input("mlm_texts", [pairs]), towers.int64Input("mlm_images", [pairs]));
  const logits = mlmHead(towers.p, towers.config, text);
  const labels = towers.int64Input("mlm_labels", [pairs, towers.sizes.tokens]);
  const count = towers.float32Input("mlm_label_count", []);
  return { loss: crossEntropy(logits, labels, { count }), score: accuracy(logits, labels), logits };
}

/** Image-text matching. `itm_texts`, `itm_images`, `itm_labels` (1: they belong together). */
function itm(towers: StackedTowers, { pairs }: ObjectiveUse): ObjectiveResult {
  return classification(
    itmHead(towers.p, towers.config, towers.poolPairs("itm", pairs)),
    towers.int64Input("itm_labels", [pairs]),
  );
}

/** Image-text contrast, in the form of the config. `itc_texts`, `itc_images`, for soft targets `itc_image_ids`. */
function itc(towers: StackedTowers, use: ObjectiveUse): ObjectiveResult {
  const { p, config } = towers;
  const { text, image } = uniModalEmbeds(towers, use);
  const joint = config.contrastive_form === "joint";
  const embeds = joint
    ? { text, image, cross: pairEmbedding(p, config, towers.poolPairs("itc", use.pairs)) }
    : { text, image };
  const contrast = contrastiveLoss(p, embeds, imageIds(towers, use));
  if (use.cached !== true) return { ...contrast, embeds };
  return { ...contrast, loss: surrogate(towers, embeds), localLoss: scalar(0), embeds };
}

/**
 * Contrast, and matching against hard negatives that are sampled by similarity: from the softmax of the logits without the
 * pair's own partners, as the arg-max of logits plus Gumbel noise. `itm_itc_image_noise`, `itm_itc_text_noise` [pairs, pairs],
 * and the inputs of `itc`.
 */
function itm_itc(towers: StackedTowers, use: ObjectiveUse): ObjectiveResult {
  const { pairs } = use;
  const embeds = uniModalEmbeds(towers, use);
  const { loss, imageToText, textToImage, same } = dualContrastive(towers.p, embeds, imageIds(towers, use));
  const sample = (logits: Tensor, noise: string) =>
    // Not so low that the noise is lost: if all are partners, any may be sampled.
    argMax(add(where(same, -1e4, logits), towers.float32Input(noise, [pairs, pairs])), 1);
  const sampled = {
    images: sample(textToImage, "itm_itc_image_noise"),
    texts: sample(imageToText, "itm_itc_text_noise"),
  };
  const texts = towers.int64Input("itc_texts", [pairs]);
  const images = towers.int64Input("itc_images", [pairs]);
  const pooled = towers.pool(
    concat([texts, texts, gather(texts, sampled.texts)], 0),
    concat([images, gather(images, sampled.images), images], 0),
  );
  const labels = BigInt64Array.from({ length: 3 * pairs }, (_, i) => (i < pairs ? 1n : 0n));
  const logits = itmHead(towers.p, towers.config, pooled);
  const matching = classification(logits, constant(new HostTensor("int64", [3 * pairs], labels)));
  return use.cached === true
    ? { ...matching, loss: add(surrogate(towers, embeds), matching.loss), localLoss: matching.loss, embeds, sampled }
    : { ...matching, loss: add(loss, matching.loss), embeds, sampled };
}

const uniModalEmbeds = (towers: StackedTowers, { pairs }: ObjectiveUse) => ({
  text: gather(towers.textEmbeds(), towers.int64Input("itc_texts", [pairs])),
  image: gather(towers.imageEmbeds(), towers.int64Input("itc_images", [pairs])),
});

const imageIds = (towers: StackedTowers, use: ObjectiveUse): Tensor | undefined =>
  use.imageIds === true ? towers.int64Input("itc_image_ids", [use.pairs]) : undefined;

/** Σ embedding · its gradient, whose own gradient is that of the loss which the gradients came from. */
function surrogate(towers: StackedTowers, embeds: ContrastiveEmbeds): Tensor {
  return Object.entries<Tensor>({ ...embeds })
    .map(([name, embed]) => {
      const gradient = towers.float32Input(`itc_${name}_gradient`, embed.shape as readonly number[]);
      return sum(mul(embed, gradient), { axes: [0, 1] });
    })
    .reduce((total, part) => add(total, part));
}

/** Ranking of the true text among false ones. `irtr_texts` [pairs, 1 + falseTexts], the true one first; `irtr_images`. */
function irtr(towers: StackedTowers, { pairs, falseTexts = 15 }: ObjectiveUse): ObjectiveResult {
  const { p, config } = towers;
  const texts = reshape(towers.int64Input("irtr_texts", [pairs, 1 + falseTexts]), [pairs * (1 + falseTexts)]);
  const repeat = BigInt64Array.from({ length: pairs * (1 + falseTexts) }, (_, i) =>
    BigInt(Math.floor(i / (1 + falseTexts))),
  );
  const images = gather(
    towers.int64Input("irtr_images", [pairs]),
    constant(new HostTensor("int64", [repeat.length], repeat)),
  );
  const scores = rankHead(p, config, towers.pool(texts, images));
  const first = constant(HostTensor.zeros("int64", [pairs]));
  return classification(reshape(scores, [pairs, 1 + falseTexts]), first);
}

/** Visual question answering. `vqa_texts`, `vqa_images`, `vqa_scores` float32 [pairs, vqav2_label_size] in 0..1. */
function vqa(towers: StackedTowers, { pairs }: ObjectiveUse): ObjectiveResult {
  const { p, config } = towers;
  const logits = vqaHead(p, config, towers.poolPairs("vqa", pairs));
  const scores = towers.float32Input("vqa_scores", [pairs, config.vqav2_label_size]);
  return {
    loss: mul(binaryCrossEntropy(logits, scores), config.vqav2_label_size),
    score: mean(gatherElements(scores, argMax(logits, -1))),
    logits,
  };
}

/** Entailment. `snli_texts`, `snli_images`, `snli_labels` (0 contradiction, 1 neutral, 2 entailment). */
function snli(towers: StackedTowers, { pairs }: ObjectiveUse): ObjectiveResult {
  return classification(
    snliHead(towers.p, towers.config, towers.poolPairs("snli", pairs)),
    towers.int64Input("snli_labels", [pairs]),
  );
}

/** A statement over two images. `nlvr2_texts`, `nlvr2_first_images`, `nlvr2_second_images`, `nlvr2_labels` (1: true). */
function nlvr2(towers: StackedTowers, { pairs }: ObjectiveUse): ObjectiveResult {
  const { p, config } = towers;
  const texts = towers.int64Input("nlvr2_texts", [pairs]);
  const pool = (which: string, type: 1 | 2) =>
    towers.pool(texts, towers.int64Input(`nlvr2_${which}_images`, [pairs]), type);
  const logits = nlvr2Head(p, config, concat([pool("first", 1), pool("second", 2)], 1));
  return classification(logits, towers.int64Input("nlvr2_labels", [pairs]));
}

/** What a step knows of an objective. */
export interface ObjectiveEntry {
  /** Adds its loss to the graph of a step. */
  readonly build: (towers: StackedTowers, use: ObjectiveUse) => ObjectiveResult;
  /** The input with the rows of the texts: [pairs], or [pairs, 1 + falseTexts] if it ranks them. */
  readonly texts: string;
  readonly ranksTexts?: boolean;
  /** The input with labels from 0 to `classes` − 1. */
  readonly labels?: {
    readonly name: string;
    readonly classes: (config: BridgeTowerConfig) => number;
    /** The label of entries that do not count. */
    readonly ignored?: number;
  };
  /** Whether the contrastive loss, which can be taken over all pairs of a step, is all of its loss or a part. */
  readonly contrast?: "all" | "part";
  /** What the config must say. */
  readonly needs?: ConfigNeed;
}

const dualForm: ConfigNeed = {
  holds: ({ contrastive_form }) => contrastive_form === "dual",
  problem: ({ contrastive_form }) => ({
    code: "unsupported-task",
    expected: 'contrastive_form "dual" in config.json, whose similarities negatives are sampled by',
    found: `"${contrastive_form}"`,
  }),
};

const thirdTokenType: ConfigNeed = {
  holds: secondImage.holds,
  problem: ({ token_type_count }) => ({
    code: "unsupported-task",
    expected: "token_type_count 3 in config.json, with a row for the second image",
    found: String(token_type_count),
  }),
};

/** One entry an objective. The heads that it trains are in `headTable`. */
export const objectives = {
  mlm: {
    build: mlm,
    texts: "mlm_texts",
    labels: { name: "mlm_labels", classes: ({ text_config }) => text_config.vocab_size, ignored: ignoredLabel },
  },
  itm: { build: itm, texts: "itm_texts", labels: { name: "itm_labels", classes: () => 2 } },
  itc: { build: itc, texts: "itc_texts", contrast: "all" },
  itm_itc: { build: itm_itc, texts: "itc_texts", contrast: "part", needs: dualForm },
  irtr: { build: irtr, texts: "irtr_texts", ranksTexts: true },
  vqa: { build: vqa, texts: "vqa_texts" },
  snli: { build: snli, texts: "snli_texts", labels: { name: "snli_labels", classes: () => 3 } },
  nlvr2: {
    build: nlvr2,
    texts: "nlvr2_texts",
    labels: { name: "nlvr2_labels", classes: () => 2 },
    needs: thirdTokenType,
  },
} as const satisfies Record<string, ObjectiveEntry>;

export type ObjectiveName = keyof typeof objectives;

export const objectiveEntry = (name: ObjectiveName): ObjectiveEntry => objectives[name];

export type ObjectiveUses = Readonly<Partial<Record<ObjectiveName, ObjectiveUse>>>;

export interface TrainingGraph {
  /** Σ weight · loss, a scalar. */
  readonly loss: Tensor;
  readonly results: Readonly<Partial<Record<ObjectiveName, ObjectiveResult>>>;
  /** States between blocks: the inside of a block can be recomputed from them. */
  readonly boundaries: readonly Tensor[];
  /** The scope, which knows the parameters and the inputs of random bytes. */
  readonly p: Scope;
}

/**
 * The graph of a training step: towers over the stacks, then every objective.
 * @param p `Scope.training()` with dropout, or `Scope.root()` to evaluate the model
 */
export function trainingGraph(
  config: BridgeTowerConfig,
  sizes: StackSizes,
  uses: ObjectiveUses,
  p = Scope.training(),
): TrainingGraph {
  const dualAlone = config.contrastive_form === "dual" && Object.keys(uses).every((name) => name === "itc");
  const towers = new StackedTowers(p, config, sizes, dualAlone ? "embeddings" : "states");
  const entries = (Object.entries(uses) as [ObjectiveName, ObjectiveUse][]).map(
    ([name, use]) => [name, use, objectives[name].build(towers, use)] as const,
  );
  const losses = entries.map(([, { weight = 1 }, { loss }]) => (weight === 1 ? loss : mul(loss, weight)));
  return {
    loss: losses.reduce((sum, loss) => add(sum, loss)),
    results: Object.fromEntries(entries.map(([name, , result]) => [name, result])),
    boundaries: towers.boundaries,
    p,
  };
}
