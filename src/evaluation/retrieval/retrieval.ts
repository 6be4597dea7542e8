/** Judges retrieval: images are to find their captions, and captions their image. */
import { InputError } from "../../errors.js";
import type { Judge, Judging, Results } from "../metrics/metric.js";
import type { SeenRow } from "../encoded-row.js";
import { candidates } from "./candidate-pairs.js";
import { fusedScores, type Chunks } from "./fused-scores.js";
import { chosenScores, similarities } from "./pair-scores.js";
import { ranks, recallsOf, takeTurn, type PairScores, type Ranks } from "./recalls.js";

/** Pairs that are compared at most: beyond, the comparison alone would take hours. */
export const maxPairs = 2 ** 31;
/** Pairs that go through the fusion at most: 20 bytes each are kept until their group is ranked. */
const maxFused = 2 ** 26;

export interface RetrievalSettings extends Chunks {
  /** `similarity` of embeddings, or `rank_output` of every pair. */
  readonly rank_by: "similarity" | "rank_output";
  /** Of similarities: candidates of each image and of each text that ITM ranks again; 0 for none. */
  readonly k_test: number;
  /** Rows that are compared with one another; undefined for all. */
  readonly candidates: number | undefined;
  /** Told how many pairs have been through the fusion. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Rows whose images and captions are compared with one another. */
interface Group {
  /** Row of each image in the data set. */
  readonly rows: number[];
  readonly captions: string[];
  /** The image of each caption. */
  readonly imageOf: number[];
  /** Embeddings, where these are compared. */
  readonly images: Float32Array[];
  readonly texts: Float32Array[];
}

/** For each image of a group the texts that are scored by the fusion, ascending. */
type Chosen = readonly ArrayLike<number>[];

/**
 * An image is a row; a row whose image is broken is left out with its captions.
 *
 * With `candidates`, the rows that are left make groups of so many, in their order; what is no whole group is left out. Each is ranked by
 * itself, and recalls are means over the images and the texts of all groups.
 *
 * With `k_test`, the k best texts of each image and the k best images of each text get the ITM logit of a match and all other
 * pairs −100, as in the authors' code.
 */
export class Retrieval implements Judge {
  private readonly groups: Group[] = [];

  constructor(
    private readonly judging: Judging,
    private readonly settings: RetrievalSettings,
  ) {}

  wants({ texts }: SeenRow): boolean {
    return texts.captions.length > 0;
  }

  judge({ index, texts, embeddings }: SeenRow): Promise<void> {
    const group = this.openGroup();
    const image = group.rows.push(index) - 1;
    for (const text of texts.captions) {
      group.captions.push(text);
      group.imageOf.push(image);
    }
    if (embeddings !== undefined) {
      group.images.push(embeddings.image);
      for (const caption of embeddings.captions) group.texts.push(caption);
    }
    return Promise.resolve();
  }

  async results(): Promise<Results> {
    const size = this.settings.candidates;
    const groups = this.groups.filter(({ rows }) => size === undefined || rows.length === size);
    const counts = {
      retrieval_images: sum(groups, ({ rows }) => rows.length),
      retrieval_texts: sum(groups, ({ captions }) => captions.length),
      ...(size === undefined ? {} : { retrieval_groups: groups.length }),
    };
    if (groups.length === 0) return counts;
    const { found, fused } = await this.ranksOf(groups);
    const all = {
      images: found.flatMap(({ images }) => images),
      texts: found.flatMap(({ texts }) => texts),
    };
    return { ...recallsOf(all), ...counts, retrieval_fused_pairs: fused };
  }

  /** The group that the next row belongs to. */
  private openGroup(): Group {
    const last = this.groups.at(-1);
    if (last !== undefined && last.rows.length !== this.settings.candidates) return last;
    const group: Group = { rows: [], captions: [], imageOf: [], images: [], texts: [] };
    this.groups.push(group);
    return group;
  }

  private async ranksOf(groups: readonly Group[]): Promise<{ readonly found: Ranks[]; readonly fused: number }> {
    const { signal } = this.judging;
    const chosen: (Chosen | undefined)[] = [];
    for (const group of groups) {
      chosen.push(await this.chosen(group));
      await takeTurn(signal);
    }
    const fused = sum(chosen, pairs);
    if (fused > maxFused) throw tooMany(fused);
    const found: Ranks[] = [];
    let done = 0;
    for (const [i, group] of groups.entries()) {
      const onProgress = (some: number) => this.settings.onProgress(done + some, fused);
      const scores = await this.scores(group, chosen[i], onProgress);
      found.push(await ranks(scores, group.imageOf, signal));
      done += pairs(chosen[i]);
      await takeTurn(signal);
    }
    return { found, fused };
  }

  /** Pairs of the group that go through the fusion; nothing where similarity has the last word. */
  private async chosen(group: Group): Promise<Chosen | undefined> {
    const { rank_by, k_test } = this.settings;
    if (rank_by === "rank_output") {
      const all = Uint32Array.from(group.captions.keys());
      return group.rows.map(() => all);
    }
    if (k_test === 0) return undefined;
    return candidates(similarities(group.images, group.texts), k_test, this.judging.signal);
  }

  private async scores(
    group: Group,
    chosen: Chosen | undefined,
    onProgress: (done: number) => void,
  ): Promise<PairScores> {
    if (chosen === undefined) return similarities(group.images, group.texts);
    const { rank_by, image_chunks, text_chunks } = this.settings;
    const scores = await fusedScores(this.judging, {
      part: rank_by === "rank_output" ? "fusion rank" : "fusion itm",
      rows: group.rows,
      texts: this.judging.tokenize(group.captions).map((ids, index) => ({ index, ids })),
      chosen,
      image_chunks,
      text_chunks,
      onProgress,
    });
    return chosenScores(group.captions.length, chosen, scores);
  }
}

const sum = <T>(list: readonly T[], value: (entry: T) => number): number =>
  list.reduce((total, entry) => total + value(entry), 0);

const pairs = (chosen: Chosen = []): number => sum(chosen, ({ length }) => length);

const tooMany = (fused: number) =>
  new InputError({
    code: "invalid-setting",
    where: "retrieval",
    expected: `at most ${maxFused} pairs that go through the fusion`,
    found: String(fused),
    hint: "Lower k_test, candidates or limit",
  });
