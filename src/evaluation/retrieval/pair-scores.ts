/** Where scores of pairs come from: embeddings, or a fusion of chosen pairs. */
import type { PairScores } from "./recalls.js";

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

/** The scalar product of `one` with each of `count` vectors that follow one another. */
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

/** The score of pairs that were not chosen, and the least that a chosen one can have; as in the authors' code. */
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
