/** Image-text matching: captions against sampled false captions, and against hard negatives with one attribute changed. */
import { Mean } from "../numbers.js";
import type { EncodedRow } from "../encoded-row.js";
import { CaptionDecisions } from "./false-captions.js";
import { fusedRows, type RowMetric, type EvalContext, type Results } from "./metric.js";

/** Logits of the texts of the last row, which both metrics share. */
export class MatchLogits {
  private row: EncodedRow | undefined;
  private known = new Map<string, readonly number[]>();

  constructor(private readonly context: EvalContext) {}

  /** [no match, match] of each text. */
  async of(row: EncodedRow, texts: readonly string[]): Promise<(readonly number[])[]> {
    if (this.row !== row) this.known = new Map();
    this.row = row;
    const fresh = [...new Set(texts)].filter((text) => !this.known.has(text));
    const logits = await fusedRows(this.context, "itm", row.image, fresh);
    fresh.forEach((text, i) => this.known.set(text, logits[i]!));
    return texts.map((text) => this.known.get(text)!);
  }
}

/**
 * Each caption with its image, and a caption of another row with the same image. A caption for which none can be sampled is left out.
 */
export class Matching extends CaptionDecisions {
  constructor(
    context: EvalContext,
    private readonly logits: MatchLogits,
  ) {
    super(context, "itm");
  }

  async update(row: EncodedRow): Promise<void> {
    const pairs = row.texts.captions.flatMap((caption, i) => {
      const sampled = this.falseCaptions.sample(row.index, row.trueCaptions, this.randomOf(row, i));
      return sampled === undefined ? [] : [caption, sampled];
    });
    const logits = await this.logits.of(row, pairs);
    logits.forEach((pair, i) => this.add(pair, i % 2 === 0 ? 1 : 0));
  }
}

/** How often a caption matches better than a hard negative of its row: over all pairs of the two, and by facet. */
export class Facets implements RowMetric {
  private readonly pairs: { readonly facet: string | undefined; readonly correct: number }[] = [];

  constructor(private readonly logits: MatchLogits) {}

  get lists() {
    return [this.pairs];
  }

  accepts({ texts }: EncodedRow): boolean {
    return texts.captions.length > 0 && texts.negatives.length > 0;
  }

  async update(row: EncodedRow): Promise<void> {
    const { captions, negatives } = row.texts;
    const logits = await this.logits.of(row, [...captions, ...negatives.map(({ text }) => text)]);
    // Not probabilities: they are all 1 if the logits are far apart.
    const margins = logits.map(([no, yes]) => yes! - no!);
    negatives.forEach(({ facet }, i) => {
      for (const margin of margins.slice(0, captions.length)) {
        const correct = margin > margins[captions.length + i]! ? 1 : 0;
        this.pairs.push({ facet, correct });
      }
    });
  }

  compute(): Results {
    const all = new Mean();
    const byFacet = new Map<string, Mean>();
    for (const { facet, correct } of this.pairs) {
      all.add(correct);
      if (facet === undefined) continue;
      const mean = byFacet.get(facet) ?? new Mean();
      byFacet.set(facet, mean);
      mean.add(correct);
    }
    const each = [...byFacet].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      ...all.as("facet_accuracy"),
      ...Object.fromEntries(each.flatMap(([facet, mean]) => Object.entries(mean.as(`facet_accuracy_${facet}`)))),
      facet_pairs: all.count,
    };
  }
}
