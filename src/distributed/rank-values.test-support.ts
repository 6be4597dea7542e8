const scales = [1e-3, 1e-2, 0.1, 1, 10, 100, 1000] as const;

/** Values of many magnitudes, other ones for each rank, whose float32 sum depends on the order. */
export function valuesOf(rank: number, length: number): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const word = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(rank + 1, 0x85ebca6b);
    values[i] = (word / 2 ** 31) * scales[(i + rank) % scales.length]!;
  }
  return values;
}
