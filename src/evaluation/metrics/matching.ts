/** Judges of image-text matching: true captions against drawn false ones, and against negatives that differ in one fact. */
import { argMax, crossEntropy, Mean } from "../numbers.js";
import type { SeenRow } from "../encoded-row.js";
import { FalseCaptions } from "./false-captions.js";
import { fusedRows, type Judge, type Judging, type Results } from "./metric.js";

/** Logits of the texts of the last row, which both judges may ask for. */
export class MatchLogits {
  private row: SeenRow | undefined;
  private known = new Map<string, readonly number[]>();

  constructor(private readonly judging: Judging) {}

  /** No match, match; for each text. */
  async of(row: SeenRow, texts: readonly string[]): Promise<(readonly number[])[]> {
    if (this.row !== row) this.known = new Map();
    this.row = row;
    const fresh = [...new Set(texts)].filter((text) => !this.known.has(text));
    const logits = await fusedRows(this.judging, "fusion itm", row.image, fresh);
    fresh.forEach((text, i) => this.known.set(text, logits[i]!));
    return texts.map((text) => this.known.get(text)!);
  }
}

/**
 * Each caption is judged twice: with its own image, and in its place a caption drawn from the other rows with that image.
 * A caption for which none can be drawn is not judged.
 */
export class Matching implements Judge {
  private readonly accuracy = new Mean();
  private readonly loss = new Mean();
  private readonly falseCaptions: FalseCaptions;

  constructor(
    private readonly judging: Judging,
    private readonly logits: MatchLogits,
  ) {
    this.falseCaptions = new FalseCaptions(judging.data);
  }

  wants({ texts }: SeenRow): boolean {
    return texts.captions.length > 0;
  }

  async judge(row: SeenRow): Promise<void> {
    const { captions } = row.texts;
    const pairs = captions.flatMap((caption, i) => {
      const drawn = this.falseCaptions.draw(row.index, row.ownCaptions, this.judging.random.at("itm", row.index, i));
      return drawn === undefined ? [] : [caption, drawn];
    });
    const logits = await this.logits.of(row, pairs);
    logits.forEach((pair, i) => {
      const label = i % 2 === 0 ? 1 : 0;
      this.accuracy.add(argMax(pair) === label ? 1 : 0);
      this.loss.add(crossEntropy(pair, label));
    });
  }

  results(): Results {
    return {
      ...this.accuracy.as("itm_accuracy"),
      ...this.loss.as("itm_loss"),
      itm_samples: this.accuracy.count,
    };
  }
}

/** How often a true caption matches better than a negative of the same row: all pairs of the two, and by facet. */
export class Facets implements Judge {
  private readonly all = new Mean();
  private readonly byFacet = new Map<string, Mean>();

  constructor(private readonly logits: MatchLogits) {}

  wants({ texts }: SeenRow): boolean {
    return texts.captions.length > 0 && texts.negatives.length > 0;
  }

  async judge(row: SeenRow): Promise<void> {
    const { captions, negatives } = row.texts;
    const logits = await this.logits.of(row, [...captions, ...negatives.map(({ text }) => text)]);
    // Not the probabilities, which are all 1 where the logits are far apart.
    const margins = logits.map(([no, yes]) => yes! - no!);
    negatives.forEach(({ facet }, i) => {
      for (const margin of margins.slice(0, captions.length)) {
        const right = margin > margins[captions.length + i]! ? 1 : 0;
        this.all.add(right);
        if (facet !== undefined) this.of(facet).add(right);
      }
    });
  }

  results(): Results {
    const each = [...this.byFacet].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      ...this.all.as("facet_accuracy"),
      ...Object.fromEntries(each.flatMap(([facet, mean]) => Object.entries(mean.as(`facet_accuracy_${facet}`)))),
      facet_pairs: this.all.count,
    };
  }

  private of(facet: string): Mean {
    const mean = this.byFacet.get(facet) ?? new Mean();
    this.byFacet.set(facet, mean);
    return mean;
  }
}
