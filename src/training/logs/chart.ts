/** Curves over the steps of a run, as SVG. */
import { fittingRange, linearRange, type Range } from "./axis.js";
import { plotRight, plots, text, type Plot } from "./plot.js";

/** What was measured after `step` steps. */
export interface Point {
  readonly step: number;
  /** By name; what is missing or not finite leaves no mark. */
  readonly values: Readonly<Record<string, number>>;
}

export interface Panel {
  readonly title: string;
  /** Of the y axis. */
  readonly label: string;
  /** Curves: the name of their values, and what the legend calls them. */
  readonly series: readonly { readonly name: string; readonly label: string }[];
  /** Ends and ticks of the y axis; by default they fit the values. */
  readonly range?: Range;
}

const colours = ["#2563eb", "#16a34a", "#dc2626", "#9333ea", "#ea580c", "#0891b2", "#be185d", "#65a30d"];
/** Of a curve, which is hardly wider in pixels; of more, the means of neighbours are drawn. */
const maxPlaces = 500;

type Place = readonly [step: number, value: number];

/**
 * Panels one below the other, over the same steps. The same points give the same document.
 * @param points by ascending step
 */
export function curves(points: readonly Point[], panels: readonly Panel[]): string {
  const last = points.at(-1)?.step ?? 1;
  return plots(...panels.map((panel) => plotOf(points, panel, Math.max(last, 1))));
}

function plotOf(points: readonly Point[], { title, label, series, range }: Panel, last: number): Plot {
  const lines = series.map(({ name }) => thinned(placesOf(points, name)));
  const y = range ?? fittingRange(lines.flatMap((places) => places.map(([, value]) => value)));
  return {
    title,
    x: { label: "steps", from: 0, to: last, ticks: stepTicks(last) },
    y: { label, ...y },
    marks: (x, y) => [
      ...lines.flatMap((places, i) => {
        const stroke = colourOf(i);
        const [first, ...others] = places.map(([step, value]) => [x(step).toFixed(1), y(value).toFixed(1)] as const);
        if (first === undefined) return [];
        // A line of one point would be invisible.
        if (others.length === 0) return [`<circle cx="${first[0]}" cy="${first[1]}" r="2" fill="${stroke}"/>`];
        const path = [first, ...others].map((place) => place.join(" ")).join("L");
        return [`<path d="M${path}" fill="none" stroke="${stroke}"/>`];
      }),
      ...legend(series.map((one) => one.label)),
    ],
  };
}

function placesOf(points: readonly Point[], name: string): Place[] {
  return points.flatMap(({ step, values }) => {
    const value = values[name];
    return value !== undefined && Number.isFinite(value) ? [[step, value] as const] : [];
  });
}

function thinned(places: readonly Place[]): readonly Place[] {
  if (places.length <= maxPlaces) return places;
  const size = places.length / maxPlaces;
  return Array.from({ length: maxPlaces }, (_, i) => {
    const group = places.slice(Math.floor(i * size), Math.floor((i + 1) * size));
    const mean = (of: (place: Place) => number) => group.reduce((sum, place) => sum + of(place), 0) / group.length;
    return [mean(([step]) => step), mean(([, value]) => value)] as const;
  });
}

const stepTicks = (last: number): Range["ticks"] =>
  linearRange(0, last).ticks.filter(({ at }) => Number.isInteger(at) && at <= last);

const colourOf = (i: number): string => colours[i % colours.length]!;

/** Labels in rows that end at the right, the first above the curves. */
function legend(labels: readonly string[]): string[] {
  const rows: { label: string; i: number; width: number }[][] = [[]];
  for (const [i, label] of labels.entries()) {
    const width = 7 * label.length + 16;
    const used = rows.at(-1)!.reduce((sum, one) => sum + one.width, 0);
    if (used > 0 && used + width > 460) rows.push([]);
    rows.at(-1)!.push({ label, i, width });
  }
  return rows.flatMap((row, line) => {
    let x = plotRight;
    return row.toReversed().map(({ label, i, width }) => {
      const mark = `<g fill="${colourOf(i)}">${text(x, 36 + 14 * line, label, "end")}</g>`;
      x -= width;
      return mark;
    });
  });
}
