/** Recalls of image-to-text and text-to-image retrieval. */

/** A score for every image with every text, computed row by row, so that no matrix is kept. */
export interface PairScores {
  readonly images: number;
  readonly texts: number;
  /** Scores of one image with all texts. [texts] */
  readonly row: (image: number) => Float64Array<ArrayBuffer>;
  /** Scores of one text with all images. [images] */
  readonly column: (text: number) => Float64Array<ArrayBuffer>;
}

const depths = [1, 5, 10] as const;
type Depth = (typeof depths)[number];

/** Shares 0..1, and `rsum`, the sum of all six recalls in percent. */
export type Recalls = Readonly<
  Record<`tr_r${Depth}` | `ir_r${Depth}` | "tr_mean" | "ir_mean" | "r_mean" | "rsum", number>
>;

/** Ranks from 0: how many candidates have a better score than the correct one. */
export interface Ranks {
  /** Rank of the best caption of each image that has one. */
  readonly images: readonly number[];
  /** Rank of the image of each text. */
  readonly texts: readonly number[];
}

/**
 * Of equal scores the lower index ranks first.
 * @param imageOf the image of each text; images without a text do not count
 */
export async function ranks(scores: PairScores, imageOf: ArrayLike<number>, map: MapList = mapLocally): Promise<Ranks> {
  const textsOf = Array.from({ length: scores.images }, (): number[] => []);
  for (let text = 0; text < scores.texts; text++) textsOf[imageOf[text]!]!.push(text);
  const queries = [...textsOf.keys()].filter((image) => textsOf[image]!.length > 0);
  const images = await map(queries, (image) => {
    const row = scores.row(image);
    const best = textsOf[image]!.reduce((one, other) => (row[other]! > row[one]! ? other : one));
    return rankOf(row, best);
  });
  const texts = await map([...Array(scores.texts).keys()], (text) => rankOf(scores.column(text), imageOf[text]!));
  return { images, texts };
}

/** TR@K: an image counts if any of its K best texts belongs to it. IR@K: a text counts if its image is among its K best. */
export function recallsOf({ images, texts }: Ranks): Recalls {
  const within = (found: readonly number[], depth: number) =>
    found.filter((rank) => rank < depth).length / found.length;
  const [tr, ir] = [images, texts].map((found) => depths.map((depth) => within(found, depth)));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const named = (prefix: string, values: readonly number[]) =>
    Object.fromEntries(depths.map((depth, i) => [`${prefix}_r${depth}`, values[i]!]));
  return {
    ...named("tr", tr!),
    ...named("ir", ir!),
    tr_mean: mean(tr!),
    ir_mean: mean(ir!),
    r_mean: mean([...tr!, ...ir!]),
    rsum: 100 * [...tr!, ...ir!].reduce((sum, value) => sum + value, 0),
  } as Recalls;
}

/** How many entries are better than the one at `index`. */
function rankOf(scores: ArrayLike<number>, index: number): number {
  const score = scores[index]!;
  let better = 0;
  for (let i = 0; i < scores.length; i++) {
    if (scores[i]! > score || (scores[i] === score && i < index)) better++;
  }
  return better;
}

/** `list.map(f)`, by this process or by all ranks. */
export type MapList = <T, U>(list: readonly T[], f: (entry: T) => U) => Promise<U[]>;

export const mapLocally: MapList = (list, f) => mapYielding(list, undefined, f);

const maxBlockingMs = 50;

/** `list.map(f)` that yields to the event loop, so that signals and progress do not wait for minutes. */
export async function mapYielding<T, U>(
  list: readonly T[],
  signal: AbortSignal | undefined,
  f: (entry: T) => U,
): Promise<U[]> {
  const results: U[] = [];
  let begun = performance.now();
  for (const entry of list) {
    results.push(f(entry));
    if (performance.now() - begun < maxBlockingMs) continue;
    await yieldToEventLoop(signal);
    begun = performance.now();
  }
  return results;
}

/** Lets other callbacks run, then rejects with the reason of an aborted signal. */
export async function yieldToEventLoop(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal?.throwIfAborted();
}
