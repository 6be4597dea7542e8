/** Fits N·vision + M·text + N·M·fusion to measured grids by least squares and plots measured against fitted costs. */
import { plots, svgText } from "../src/training/logs/index.js";

export interface GridTime {
  readonly images: number;
  readonly texts: number;
  readonly seconds: number;
}

export interface CostFit {
  /** Seconds an image, a text and a pair. */
  readonly vision: number;
  readonly textCost: number;
  readonly fusion: number;
  /** Largest relative difference of a measured time from the fitted one. */
  readonly worst: number;
  readonly svg: string;
}

export function costPlot(points: readonly GridTime[], title: string): CostFit {
  const features = points.map(({ images, texts }) => [images, texts, images * texts]);
  // Relative errors are minimised, so that small grids count as much as large ones.
  const weights = points.map(({ seconds }) => 1 / seconds ** 2);
  const [vision = 0, textCost = 0, fusion = 0] = minSquares(
    features,
    points.map(({ seconds }) => seconds),
    weights,
  );
  const fitted = points.map(({ images, texts }) => images * vision + texts * textCost + images * texts * fusion);
  const worst = Math.max(...points.map(({ seconds }, i) => Math.abs(seconds / fitted[i]! - 1)));
  return { vision, textCost, fusion, worst, svg: plot(points, fitted, title) };
}

/** Solves the weighted normal equations by Gaussian elimination. */
function minSquares(
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
  const largest = Math.max(...points.map(({ seconds }) => seconds), ...fitted);
  const ticks = [0.25, 0.5, 0.75, 1].map((part) => ({
    at: largest * part,
    label: `${(largest * part).toPrecision(2)} s`,
  }));
  const axis = (label: string) => ({ label, from: 0, to: largest * 1.15, ticks });
  return plots({
    title: `match of N images × M texts, ${title} size: measured against N·vision + M·text + N·M·fusion`,
    x: axis("fitted"),
    y: axis("measured"),
    marks: (x, y) => [
      `<path d="M${x(0)} ${y(0)}L${x(largest * 1.15)} ${y(largest * 1.15)}" stroke="#999" stroke-dasharray="4 4"/>`,
      ...points.map(({ images, texts, seconds }, i) => {
        const [cx, cy] = [x(fitted[i]!), y(seconds)];
        return `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="4" fill="#2563eb"/>${svgText(cx + 8, cy + 12, `${images}×${texts}`)}`;
      }),
    ],
  });
}
