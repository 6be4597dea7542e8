/** How many tokens of a text, or of each of a pair, stay when `limit` remain. */

/**
 * Lengths after cutting the longer text first, as tokenizers' `LongestFirst` strategy does.
 * @param limit tokens left for both, special tokens not counted
 */
export function maxFirst(first: number, second: number, limit: number): readonly [number, number] {
  if (first + second <= limit) return [first, second];
  const shorter = Math.min(first, second);
  const longer = Math.max(shorter, limit - shorter);
  const halved = Math.floor(limit / 2);
  const [short, long] = shorter + longer > limit ? [halved, halved + (limit % 2)] : [shorter, longer];
  return first > second ? [long, short] : [short, long];
}
