/** Retrieval: captions by image, and images by caption. */
import { joinWork, shareOf, type Range } from "../../distributed/index.js";
import { InputError } from "../../errors.js";
import type { Head } from "../../model/index.js";
import type { RowMetric, EvalContext, Results } from "../metrics/metric.js";
import type { EncodedRow } from "../encoded-row.js";
import { fusedScores, type Chunks } from "./fused-scores.js";
import { candidates, chosenScores, similarities } from "./pair-scores.js";
import {
  mapYielding,
  ranks,
  recallsOf,
  yieldToEventLoop,
  type MapList,
  type PairScores,
  type Ranks,
} from "./recalls.js";

/** The head that re-ranks the candidates of retrieval by similarity. @internal */
export const rerankHead = "itm" satisfies Head;

/** The maximum number of pairs to compare. More would take hours. */
export const maxPairs = 2 ** 31;
/** The maximum number of pairs to fuse. 20 bytes are kept for each until its group is ranked. */
const maxFused = 2 ** 26;

export interface RetrievalSettings extends Chunks {
  /** `similarity` of embeddings, or `rank_output` of every pair. */
  readonly rankBy: "similarity" | "rank_output";
  /** Candidates of each image and of each text by similarity that ITM re-ranks; 0 for none. */
  readonly kTest: number;
  /** Rows that are compared with one another; undefined for all. */
  readonly candidates: number | undefined;
  /** Called with the number of fused pairs. */
  readonly onProgress: (done: number, total: number) => unknown;
}

type RetrievalRow = Pick<EncodedRow, "index" | "embeddings"> & { readonly captions: readonly string[] };

/** Rows whose images and captions are compared with one another. */
interface Group {
  /** Row of each image in the data set. */
  readonly rows: number[];
  readonly captions: string[];
  /** The image of each caption. */
  readonly imageOf: number[];
  /** Embeddings, if retrieval compares them. */
  readonly images: Float32Array[];
  readonly texts: Float32Array[];
}

/** For each image of a group the texts to fuse it with, ascending. */
type Chosen = readonly ArrayLike<number>[];

/**
 * An image is a row; a row whose image cannot be read is left out with its captions.
 *
 * With `candidates`, the other rows make groups of that size, in their order; a smaller last group is left out. Each group is ranked
 * separately, and recalls are means over the images and the texts of all groups.
 *
 * With `kTest`, the k best texts of each image and the k best images of each text get the ITM logit of a match and all other
 * pairs −100, as in the authors' code.
 *
 * Several ranks share similarities, fusions and ranks by images and texts. Each image goes through its tower on one rank, and the texts
 * on all: their states are larger than what it takes to compute them.
 */
export class Retrieval implements RowMetric {
  private readonly rows: RetrievalRow[] = [];

  constructor(
    private readonly context: EvalContext,
    private readonly settings: RetrievalSettings,
  ) {}

  get lists() {
    return [this.rows];
  }

  accepts({ texts }: EncodedRow): boolean {
    return texts.captions.length > 0;
  }

  update({ index, texts, embeddings }: EncodedRow): Promise<void> {
    this.rows.push({ index, captions: texts.captions, embeddings });
    return Promise.resolve();
  }

  async compute(): Promise<Results> {
    const size = this.settings.candidates;
    const groups = groupsOf(this.rows, size).filter(({ rows }) => size === undefined || rows.length === size);
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

  private async ranksOf(groups: readonly Group[]): Promise<{ readonly found: Ranks[]; readonly fused: number }> {
    const chosen: (Chosen | undefined)[] = [];
    for (const group of groups) {
      chosen.push(await this.chosen(group));
    }
    const fused = sum(chosen, pairs);
    if (fused > maxFused) throw tooMany(fused);
    const found: Ranks[] = [];
    let done = 0;
    for (const [i, group] of groups.entries()) {
      const { size } = this.context.collective;
      const onProgress = (some: number) =>
        this.settings.onProgress(done + Math.min(some * size, pairs(chosen[i])), fused);
      const scores = await this.scores(group, chosen[i], onProgress);
      found.push(await ranks(scores, group.imageOf, this.map));
      done += pairs(chosen[i]);
    }
    return { found, fused };
  }

  /** Pairs of the group to fuse; undefined if similarity alone ranks. */
  private async chosen(group: Group): Promise<Chosen | undefined> {
    const { rankBy, kTest } = this.settings;
    if (rankBy === "rank_output") {
      const all = Uint32Array.from(group.captions.keys());
      return group.rows.map(() => all);
    }
    if (kTest === 0) return undefined;
    return candidates(similarities(group.images, group.texts), kTest, this.map);
  }

  private async scores(
    group: Group,
    chosen: Chosen | undefined,
    onProgress: (done: number) => unknown,
  ): Promise<PairScores> {
    if (chosen === undefined) return similarities(group.images, group.texts);
    const { rankBy, imageChunks, textChunks } = this.settings;
    const texts = this.context.tokenize(group.captions).map((ids, index) => ({ index, ids }));
    const scores = await this.share(group.rows.length, ({ first, end }) =>
      fusedScores(this.context, {
        head: rankBy === "rank_output" ? "rank" : rerankHead,
        rows: group.rows.slice(first, end),
        texts,
        chosen: chosen.slice(first, end),
        imageChunks,
        textChunks,
        onProgress,
      }),
    );
    return chosenScores(group.captions.length, chosen, scores);
  }

  /** `list.map(f)`, shared by all ranks. */
  private readonly map: MapList = (list, f) =>
    this.share(list.length, ({ first, end }) => mapYielding(list.slice(first, end), this.context.signal, f));

  /** The results of all ranks for their shares of `count` items. The signal ends the work only here, on all ranks together. */
  private async share<T>(count: number, work: (range: Range) => Promise<T[]>): Promise<T[]> {
    const { collective, signal } = this.context;
    const shares = await joinWork(collective, "retrieval", signal, async () => {
      await yieldToEventLoop(signal);
      return work(shareOf(count, collective));
    });
    return shares.length === 1 ? shares[0]! : shares.flat();
  }
}

/** Groups of `size` rows in their order; the last one may be smaller. One group of all rows if `size` is undefined. */
function groupsOf(rows: readonly RetrievalRow[], size: number | undefined): Group[] {
  const groups: Group[] = [];
  for (const { index, captions, embeddings } of rows) {
    let group = groups.at(-1);
    if (group === undefined || group.rows.length === size) {
      group = { rows: [], captions: [], imageOf: [], images: [], texts: [] };
      groups.push(group);
    }
    const image = group.rows.push(index) - 1;
    for (const text of captions) {
      group.captions.push(text);
      group.imageOf.push(image);
    }
    if (embeddings !== undefined) {
      group.images.push(embeddings.image);
      for (const caption of embeddings.captions) group.texts.push(caption);
    }
  }
  return groups;
}

const sum = <T>(list: readonly T[], value: (entry: T) => number): number =>
  list.reduce((total, entry) => total + value(entry), 0);

const pairs = (chosen: Chosen = []): number => sum(chosen, ({ length }) => length);

const tooMany = (fused: number) =>
  new InputError({
    code: "invalid-setting",
    where: "retrieval",
    expected: `at most ${maxFused} pairs to fuse`,
    found: String(fused),
    hint: "Lower kTest (--k-test), candidates or limit",
  });
