/** Frame, axes and captions of plots, as SVG, and axes that fit values: round numbers at the ticks. */

/** The ends and ticks of an axis, in the units of its values. */
export interface AxisRange {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
  /** Default linear. */
  readonly scale?: "linear" | "log";
}

export interface Axis extends AxisRange {
  readonly label: string;
}

/** One plot: its title, its axes and the marks between them. */
export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  /** The marks, as SVG elements. `x` and `y` convert values to pixels. */
  readonly marks: (x: (value: number) => number, y: (value: number) => number) => readonly string[];
}

const [width, height, margin] = [560, 400, 60];

/** From the left edge to the end of the x axis, in pixels. */
export const plotRight = width - 20;

/**
 * Plots one below the other, as an SVG document 560 pixels wide and 400 pixels high for each plot.
 * @example
 * const range = linearRange(0, 1);
 * const axis = { label: "accuracy", ...range };
 * const marks: Plot["marks"] = (x, y) => [`<circle cx="${x(0.5)}" cy="${y(0.5)}" r="3"/>`];
 * console.log(plots({ title: "Two models", x: axis, y: axis, marks }).slice(0, 4)); // <svg
 */
export function plots(...list: readonly Plot[]): string {
  const panels = list.map((one, i) => `<g transform="translate(0 ${i * height})">\n${panel(one)}\n</g>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${list.length * height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${list.length * height}" fill="white"/>
${panels.join("\n")}
</svg>
`;
}

function panel({ title, x: xAxis, y: yAxis, marks }: Plot): string {
  const x = (value: number) => margin + part(value, xAxis) * (plotRight - margin);
  const y = (value: number) => height - margin - part(value, yAxis) * (height - margin - 40);
  const ticks = [
    ...xAxis.ticks.map(({ at, label }) => svgText(x(at), height - margin + 18, label, "middle")),
    ...yAxis.ticks.map(({ at, label }) => svgText(margin - 8, y(at) + 4, label, "end")),
  ];
  return `<text x="${width / 2}" y="22" text-anchor="middle" font-size="14">${escaped(title)}</text>
<path d="M${margin} 40V${height - margin}H${plotRight}" fill="none" stroke="black"/>
${[...ticks, ...marks(x, y)].join("\n")}
<text x="${width / 2}" y="${height - 14}" text-anchor="middle">${escaped(xAxis.label)}</text>
<text x="16" y="${height / 2}" text-anchor="middle" transform="rotate(-90 16 ${height / 2})">${escaped(yAxis.label)}</text>`;
}

/** The position of a value on its axis, 0..1; values beyond the ends are clamped. */
function part(value: number, { from, to, scale }: Axis): number {
  const inside = Math.min(Math.max(value, from), to);
  return scale === "log" ? Math.log(inside / from) / Math.log(to / from) : (inside - from) / (to - from);
}

/**
 * An SVG text element at a position in pixels. Escapes the content.
 * @example
 * console.log(svgText(10, 20, "a < b")); // <text x="10.0" y="20.0" text-anchor="start">a &lt; b</text>
 */
export const svgText = (x: number, y: number, content: string, anchor: "start" | "middle" | "end" = "start"): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(content)}</text>`;

/** Escaped for XML, without the characters that XML does not allow. */
const escaped = (content: string): string =>
  content
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;");

/**
 * A linear axis with about five steps of 1, 2 or 5 times a power of ten. The first tick is at or below `from`, the last one at or above `to`.
 * @example
 * const { to, ticks } = linearRange(0, 0.9);
 * console.log(to, ticks.map(({ label }) => label).join(" ")); // 1 0 0.2 0.4 0.6 0.8 1
 */
export function linearRange(from: number, to: number): AxisRange {
  const span = to > from ? to - from : 1;
  const rough = span / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999)!;
  const first = Math.floor(from / step + 1e-9);
  const last = Math.max(Math.ceil((from + span) / step - 1e-9), first + 1);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => tick(Number(((first + i) * step).toPrecision(12))));
  return { from: ticks[0]!.at, to: ticks.at(-1)!.at, ticks };
}

/** Powers of ten around positive values, with at most about ten ticks. */
export function logRange(from: number, to: number): AxisRange {
  const low = Math.floor(Math.log10(from));
  const high = Math.max(Math.ceil(Math.log10(to)), low + 1);
  const every = Math.ceil((high - low) / 10);
  const ticks = [];
  for (let power = low; power <= high; power += every) ticks.push(tick(Number(`1e${power}`)));
  return { scale: "log", from: Number(`1e${low}`), to: Number(`1e${high}`), ticks };
}

/** Powers of ten if the largest value is over 20 times the smallest; otherwise linear, with 0. */
export function fittingRange(values: readonly number[]): AxisRange {
  const [min, max] = extremes(values);
  if (min > 0 && max / min > 20) return logRange(min, max);
  return linearRange(Math.min(min, 0), Math.max(max, 0));
}

/** Not by spreading: a run may log more values than a call takes arguments. */
function extremes(values: readonly number[]): [min: number, max: number] {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return values.length === 0 ? [0, 1] : [min, max];
}

const tick = (at: number) => ({ at, label: String(at) });
