/** Judges retrieval: images are to find their captions, and captions their image. */
import { InputError } from "../../errors.js";
import type { Judge, Judging, Results } from "../judges/judge.js";
import type { SeenRow } from "../seen-row.js";
import { candidates } from "./candidates.js";
import { fusedScores, type Chunks } from "./fused-scores.js";
import { chosenScores, similarities } from "./pair-scores.js";
import { recalls, type PairScores } from "./recalls.js";

/** Pairs that are compared at most: beyond, the comparison alone would take hours. */
export const mostPairs = 2 ** 31;
/** Pairs that go through the fusion at most: 20 bytes each are kept until recalls are taken. */
const mostFused = 2 ** 26;

export interface RetrievalSettings extends Chunks {
  /** `similarity` of embeddings, or `rank_output` of every pair. */
  readonly rank_by: "similarity" | "rank_output";
  /** Of similarities: candidates of each image and of each text that ITM ranks again; 0 for none. */
  readonly k_test: number;
  /** Told how many pairs have been through the fusion. */
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * An image is a row; a row whose picture is broken is left out with its captions.
 *
 * With `k_test`, the k best texts of each image and the k best images of each text get the ITM logit of a match and all other
 * pairs −100, as in the authors' code.
 */
export class Retrieval implements Judge {
  private readonly rows: number[] = [];
  private readonly captions: { readonly image: number; readonly text: string }[] = [];
  private readonly images: Float32Array[] = [];
  private readonly texts: Float32Array[] = [];
  private fused = 0;

  constructor(
    private readonly judging: Judging,
    private readonly settings: RetrievalSettings,
  ) {}

  wants({ texts }: SeenRow): boolean {
    return texts.captions.length > 0;
  }

  judge({ index, texts, embeddings }: SeenRow): Promise<void> {
    const image = this.rows.push(index) - 1;
    for (const text of texts.captions) this.captions.push({ image, text });
    if (embeddings !== undefined) {
      this.images.push(embeddings.picture);
      for (const caption of embeddings.captions) this.texts.push(caption);
    }
    return Promise.resolve();
  }

  async results(): Promise<Results> {
    const counts = { retrieval_images: this.rows.length, retrieval_texts: this.captions.length };
    if (this.rows.length === 0) return counts;
    const imageOf = Uint32Array.from(this.captions, ({ image }) => image);
    const found = await recalls(await this.scores(), imageOf, this.judging.signal);
    return { ...found, ...counts, retrieval_fused_pairs: this.fused };
  }

  private async scores(): Promise<PairScores> {
    const { rank_by, k_test } = this.settings;
    if (rank_by === "rank_output") {
      const all = Uint32Array.from(this.captions.keys());
      return this.fuse(
        "fusion rank",
        this.rows.map(() => all),
      );
    }
    const similar = similarities(this.images, this.texts);
    return k_test === 0 ? similar : this.fuse("fusion itm", await candidates(similar, k_test, this.judging.signal));
  }

  private async fuse(part: "fusion itm" | "fusion rank", chosen: readonly ArrayLike<number>[]): Promise<PairScores> {
    this.fused = chosen.reduce((sum, { length }) => sum + length, 0);
    if (this.fused > mostFused) {
      throw new InputError({
        where: "retrieval",
        expected: `at most ${mostFused} pairs that go through the fusion`,
        found: String(this.fused),
        mend: "Lower k_test or limit",
      });
    }
    const texts = this.judging.tokenize(this.captions.map(({ text }) => text)).map((ids, index) => ({ index, ids }));
    const scores = await fusedScores(this.judging, { ...this.settings, part, rows: this.rows, texts, chosen });
    return chosenScores(this.captions.length, chosen, scores);
  }
}
