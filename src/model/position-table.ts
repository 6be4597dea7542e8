/** Resizing of the vision tower's position table, in graphs and on stored values alike. */

/**
 * Bicubic resizing as a matrix [to, from], row-major: torch `interpolate` with a = −0.75, half-pixel centres, edges
 * repeated, and a kernel that is not widened when shrinking.
 */
export function bicubicWeights(from: number, to: number): Float64Array {
  const a = -0.75;
  const near = (u: number) => ((a + 2) * u - (a + 3)) * u * u + 1;
  const far = (u: number) => ((a * u - 5 * a) * u + 8 * a) * u - 4 * a;
  const weights = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const source = ((i + 0.5) * from) / to - 0.5;
    const first = Math.floor(source);
    const t = source - first;
    [far(1 + t), near(t), near(1 - t), far(2 - t)].forEach((weight, tap) => {
      const column = Math.min(Math.max(first - 1 + tap, 0), from - 1);
      weights[i * from + column]! += weight;
    });
  }
  return weights;
}
