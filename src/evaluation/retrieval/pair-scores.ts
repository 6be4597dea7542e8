/** Scores of pairs from embeddings, or from a fusion of chosen pairs; and the choice of candidates. */
import { mapLocally, type MapList, type PairScores } from "./recalls.js";

/** Scalar products of embeddings, in float64. */
export function similarities(images: readonly Float32Array[], texts: readonly Float32Array[]): PairScores {
  const against = (others: Float32Array, count: number) => (one: Float32Array) => products(one, others, count);
  const ofImages = against(flat(texts), texts.length);
  const ofTexts = against(flat(images), images.length);
  return {
    images: images.length,
    texts: texts.length,
    row: (image) => ofImages(images[image]!),
    column: (text) => ofTexts(texts[text]!),
  };
}

function flat(vectors: readonly Float32Array[]): Float32Array {
  const width = vectors[0]?.length ?? 0;
  const all = new Float32Array(vectors.length * width);
  vectors.forEach((vector, i) => all.set(vector, i * width));
  return all;
}

/** The scalar product of `one` with each of `count` consecutive vectors. */
function products(one: Float32Array, others: Float32Array, count: number): Float64Array<ArrayBuffer> {
  const width = one.length;
  const results = new Float64Array(count);
  for (let i = 0, start = 0; i < count; i++, start += width) {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += one[k]! * others[start + k]!;
    results[i] = sum;
  }
  return results;
}

/** The score of pairs that were not chosen, and the minimum for chosen ones, as in the authors' code. */
const unscored = -100;

/**
 * Scores of chosen pairs; all others have −100.
 * @param chosen texts that were scored with each image, ascending
 * @param scores one for each of them
 */
export function chosenScores(
  texts: number,
  chosen: readonly ArrayLike<number>[],
  scores: readonly ArrayLike<number>[],
): PairScores {
  const byText = columnsOf(texts, chosen, scores);
  const line = (length: number, places: ArrayLike<number>, values: ArrayLike<number>) => {
    const all = new Float64Array(length).fill(unscored);
    for (let i = 0; i < places.length; i++) all[places[i]!] = Math.max(unscored, values[i]!);
    return all;
  };
  return {
    images: chosen.length,
    texts,
    row: (image) => line(texts, chosen[image]!, scores[image]!),
    column: (text) => line(chosen.length, ...byText(text)),
  };
}

/** For each text, the images that it was chosen for, and the scores. */
function columnsOf(
  texts: number,
  chosen: readonly ArrayLike<number>[],
  scores: readonly ArrayLike<number>[],
): (text: number) => readonly [Uint32Array, Float64Array] {
  const ends = new Uint32Array(texts + 1);
  for (const list of chosen) for (let i = 0; i < list.length; i++) ends[list[i]! + 1]!++;
  for (let text = 0; text < texts; text++) ends[text + 1]! += ends[text]!;
  const places = ends.slice(0, texts);
  const images = new Uint32Array(ends[texts]!);
  const values = new Float64Array(ends[texts]!);
  chosen.forEach((list, image) => {
    for (let i = 0; i < list.length; i++) {
      const place = places[list[i]!]!++;
      images[place] = image;
      values[place] = scores[image]![i]!;
    }
  });
  return (text) => [images.subarray(ends[text], ends[text + 1]), values.subarray(ends[text], ends[text + 1])];
}

/**
 * For each image its `k` best texts and the texts for which it is among the `k` best images, in ascending order.
 */
export async function candidates(scores: PairScores, k: number, map: MapList = mapLocally): Promise<Uint32Array[]> {
  const ofImages = await map([...Array(scores.images).keys()], (image) => best(scores.row(image), k));
  const ofTexts = await map([...Array(scores.texts).keys()], (text) => best(scores.column(text), k));
  const added = ofImages.map(() => new Array<number>());
  ofTexts.forEach((images, text) => {
    for (const image of images) added[image]!.push(text);
  });
  return ofImages.map((texts, image) => Uint32Array.from(new Set([...texts, ...added[image]!])).sort());
}

/** Indices of the `k` largest values, ascending. Of equal values the first count. */
export function best(scores: Float64Array<ArrayBuffer>, k: number): number[] {
  if (k >= scores.length) return [...scores.keys()];
  // Typed arrays are sorted fastest without a comparison function.
  const threshold = scores.slice().sort()[scores.length - k]!;
  let above = 0;
  for (const score of scores) if (score > threshold) above++;
  let equal = k - above;
  return [...scores.keys()].filter((i) => scores[i]! > threshold || (scores[i] === threshold && equal-- > 0));
}
