/** The contrastive loss of training, over batches. */
import type { BridgeTowerConfig } from "../../model/index.js";
import { logSumExp, Mean } from "../numbers.js";
import type { EncodedRow } from "../encoded-row.js";
import { fusedRows, type RowMetric, type EvalContext, type Results } from "./metric.js";

/** Embeddings of a caption and its image, of unit length; `cross` in the joint form. */
export interface EmbeddedPair {
  readonly text: ArrayLike<number>;
  readonly image: ArrayLike<number>;
  readonly cross?: ArrayLike<number>;
}

/**
 * In batches of `contrastBatchSize` pairs, because the loss depends on the other pairs of a batch; the mean over all pairs. The first captions
 * of the rows make batches, so do the second captions, and so on: an image is in a batch once, because its other captions would count
 * as negatives. The last batch of each may be smaller.
 */
export class Contrast implements RowMetric {
  /** The pairs of each row, by the number of the caption. */
  private readonly rows: (readonly EmbeddedPair[])[] = [];

  /** @param scale multiplies the similarities */
  constructor(
    private readonly context: EvalContext,
    private readonly scale: number,
    private readonly batch: number,
  ) {}

  get lists() {
    return [this.rows];
  }

  accepts({ texts }: EncodedRow): boolean {
    return texts.captions.length > 0;
  }

  async update(row: EncodedRow): Promise<void> {
    const { contrastive_form } = this.context.model.config;
    const { captions } = row.texts;
    const { image, captions: texts } = row.embeddings!;
    const crosses = contrastive_form === "joint" ? await fusedRows(this.context, "itc", row.image, captions) : [];
    this.rows.push(
      texts.map((text, i) => {
        const cross = crosses[i];
        return { text, image, ...(cross === undefined ? {} : { cross }) };
      }),
    );
  }

  compute(): Results {
    const { contrastive_form } = this.context.model.config;
    const loss = new Mean();
    const open: EmbeddedPair[][] = [];
    const close = (pairs: EmbeddedPair[]) => {
      if (pairs.length > 0) loss.add(contrastiveLoss(pairs, this.scale, contrastive_form), pairs.length);
      pairs.length = 0;
    };
    for (const row of this.rows) {
      for (const [i, pair] of row.entries()) {
        const pairs = (open[i] ??= []);
        pairs.push(pair);
        if (pairs.length === this.batch) close(pairs);
      }
    }
    open.forEach(close);
    return { ...loss.as("itc_loss"), itc_pairs: loss.count };
  }
}

/**
 * With CE the cross-entropy of scaled similarities, whose targets are the pairs themselves: joint (CE(t iᵀ) + CE(t cᵀ) + CE(i cᵀ)) / 3
 * as in transformers, dual (CE(i tᵀ) + CE(t iᵀ)) / 2 as in the authors' code.
 */
export function contrastiveLoss(
  pairs: readonly EmbeddedPair[],
  scale: number,
  form: BridgeTowerConfig["contrastive_form"],
): number {
  const [text, image, cross] = (["text", "image", "cross"] as const).map((name) => pairs.map((pair) => pair[name]!));
  const compared =
    form === "joint"
      ? ([
          [text!, image!],
          [text!, cross!],
          [image!, cross!],
        ] as const)
      : ([
          [image!, text!],
          [text!, image!],
        ] as const);
  const losses = compared.map(([queries, keys]) => meanRowLoss(queries, keys, scale));
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

type Vectors = readonly ArrayLike<number>[];

function meanRowLoss(queries: Vectors, keys: Vectors, scale: number): number {
  const mean = queries.reduce((sum, query, index) => {
    const logits = keys.map((key) => scale * dot(query, key));
    return sum + logSumExp(logits) - logits[index]!;
  }, 0);
  return mean / queries.length;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
