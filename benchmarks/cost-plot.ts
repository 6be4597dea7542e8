/** Fits N·vision + M·text + N·M·fusion to measured grids by least squares and draws measured against fitted. */

export interface GridTime {
  readonly images: number;
  readonly texts: number;
  readonly seconds: number;
}

export interface CostFit {
  /** Seconds a picture, a text and a pair. */
  readonly vision: number;
  readonly textCost: number;
  readonly fusion: number;
  /** Largest relative difference of a measured time from the fitted one. */
  readonly worst: number;
  readonly svg: string;
}

export function costPlot(points: readonly GridTime[], title: string): CostFit {
  const features = points.map(({ images, texts }) => [images, texts, images * texts]);
  // Relative errors count, so that small grids weigh as much as large ones.
  const weights = points.map(({ seconds }) => 1 / seconds ** 2);
  const [vision = 0, textCost = 0, fusion = 0] = leastSquares(
    features,
    points.map(({ seconds }) => seconds),
    weights,
  );
  const fitted = points.map(({ images, texts }) => images * vision + texts * textCost + images * texts * fusion);
  const worst = Math.max(...points.map(({ seconds }, i) => Math.abs(seconds / fitted[i]! - 1)));
  return { vision, textCost, fusion, worst, svg: plot(points, fitted, title) };
}

/** Solves the weighted normal equations by Gaussian elimination. */
function leastSquares(
  rows: readonly (readonly number[])[],
  values: readonly number[],
  weights: readonly number[],
): number[] {
  const size = rows[0]!.length;
  const matrix = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_, j) => rows.reduce((sum, row, k) => sum + weights[k]! * row[i]! * row[j]!, 0)),
    rows.reduce((sum, row, k) => sum + weights[k]! * row[i]! * values[k]!, 0),
  ]);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      if (j === i) continue;
      const factor = matrix[j]![i]! / matrix[i]![i]!;
      matrix[j] = matrix[j]!.map((value, k) => value - factor * matrix[i]![k]!);
    }
  }
  return matrix.map((row, i) => row[size]! / row[i]!);
}

function plot(points: readonly GridTime[], fitted: readonly number[], title: string): string {
  const [width, height, margin] = [560, 400, 60];
  const largest = Math.max(...points.map(({ seconds }) => seconds), ...fitted) * 1.15;
  const x = (value: number) => margin + (value / largest) * (width - margin - 20);
  const y = (value: number) => height - margin - (value / largest) * (height - margin - 40);
  const dots = points.map(({ images, texts, seconds }, i) => {
    const [cx, cy] = [x(fitted[i]!), y(seconds)];
    return `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="4" fill="#2563eb"/><text x="${(cx + 8).toFixed(1)}" y="${(cy + 12).toFixed(1)}">${images}×${texts}</text>`;
  });
  const ticks = [0.25, 0.5, 0.75, 1].map((part) => {
    const value = (largest / 1.15) * part;
    const label = `${value.toPrecision(2)} s`;
    return `<text x="${x(value).toFixed(1)}" y="${height - margin + 18}" text-anchor="middle">${label}</text><text x="${margin - 8}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${label}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="white"/>
<text x="${width / 2}" y="22" text-anchor="middle" font-size="14">match of N pictures × M texts, ${title} size: measured against N·vision + M·text + N·M·fusion</text>
<path d="M${margin} 40V${height - margin}H${width - 20}" fill="none" stroke="black"/>
<path d="M${x(0)} ${y(0)}L${x(largest)} ${y(largest)}" stroke="#999" stroke-dasharray="4 4"/>
${[...ticks, ...dots].join("\n")}
<text x="${width / 2}" y="${height - 14}" text-anchor="middle">fitted</text>
<text x="16" y="${height / 2}" text-anchor="middle" transform="rotate(-90 16 ${height / 2})">measured</text>
</svg>
`;
}
