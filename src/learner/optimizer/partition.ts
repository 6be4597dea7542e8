/**
 * Divides things over workers so that the largest share is small: from the largest thing down, each goes to the share with least so far (Graham,
 * SIAM J. Appl. Math. 17, 1969). Shares keep the order of the things, and none is empty.
 */
export function shareOut<T extends { readonly size: number }>(things: readonly T[], workers: number): T[][] {
  if (!Number.isInteger(workers) || workers < 1) throw new RangeError(`${workers} threads: one or more are needed`);
  const shares = Array.from({ length: Math.min(workers, things.length) }, () => ({
    size: 0,
    indices: new Array<number>(),
  }));
  const fromLargest = [...things.keys()].sort((a, b) => things[b]!.size - things[a]!.size || a - b);
  for (const index of fromLargest) {
    const least = shares.reduce((best, share) => (share.size < best.size ? share : best));
    least.size += things[index]!.size;
    least.indices.push(index);
  }
  return shares
    .filter(({ indices }) => indices.length > 0)
    .map(({ indices }) => indices.sort((a, b) => a - b).map((index) => things[index]!));
}
