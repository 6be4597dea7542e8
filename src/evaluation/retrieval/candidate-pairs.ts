/** Pairs that are worth a fusion. */
import { mapInTurns, type PairScores } from "./recalls.js";

/**
 * For each image the `k` best texts, and the texts for which it is among the `k` best images. -> texts of each image, ascending
 */
export async function candidates(scores: PairScores, k: number, signal?: AbortSignal): Promise<Uint32Array[]> {
  const ofImages = await mapInTurns([...Array(scores.images).keys()], signal, (image) => best(scores.row(image), k));
  const ofTexts = await mapInTurns([...Array(scores.texts).keys()], signal, (text) => best(scores.column(text), k));
  const wanting = ofImages.map(() => new Array<number>());
  ofTexts.forEach((images, text) => {
    for (const image of images) wanting[image]!.push(text);
  });
  return ofImages.map((texts, image) => Uint32Array.from(new Set([...texts, ...wanting[image]!])).sort());
}

/** Places of the `k` largest, in ascending order of place; of equal ones the first. */
export function best(scores: Float64Array<ArrayBuffer>, k: number): number[] {
  if (k >= scores.length) return [...scores.keys()];
  // Without a function to compare, typed arrays are sorted as fast as machines can.
  const least = scores.slice().sort()[scores.length - k]!;
  let above = 0;
  for (const score of scores) if (score > least) above++;
  let equal = k - above;
  return [...scores.keys()].filter((i) => scores[i]! > least || (scores[i] === least && equal-- > 0));
}
