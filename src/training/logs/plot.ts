/** Frame, axes and captions of plots, as SVG. */

export interface Axis {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
  /** Default linear. */
  readonly scale?: "linear" | "log";
}

export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  /** The marks, as SVG elements, given the places of values in pixels. */
  readonly marks: (x: (value: number) => number, y: (value: number) => number) => readonly string[];
}

const [width, height, margin] = [560, 400, 60];

/** From the left edge to the end of the x axis, in pixels. */
export const plotRight = width - 20;

/** Plots one below the other, as a document. */
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
    ...xAxis.ticks.map(({ at, label }) => text(x(at), height - margin + 18, label, "middle")),
    ...yAxis.ticks.map(({ at, label }) => text(margin - 8, y(at) + 4, label, "end")),
  ];
  return `<text x="${width / 2}" y="22" text-anchor="middle" font-size="14">${escaped(title)}</text>
<path d="M${margin} 40V${height - margin}H${plotRight}" fill="none" stroke="black"/>
${[...ticks, ...marks(x, y)].join("\n")}
<text x="${width / 2}" y="${height - 14}" text-anchor="middle">${escaped(xAxis.label)}</text>
<text x="16" y="${height / 2}" text-anchor="middle" transform="rotate(-90 16 ${height / 2})">${escaped(yAxis.label)}</text>`;
}

/** Where a value lies between the ends of its axis; what is beyond them lies on them. */
function part(value: number, { from, to, scale }: Axis): number {
  const inside = Math.min(Math.max(value, from), to);
  return scale === "log" ? Math.log(inside / from) / Math.log(to / from) : (inside - from) / (to - from);
}

export const text = (x: number, y: number, content: string, anchor: "start" | "middle" | "end" = "start"): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(content)}</text>`;

/** As text of a document; what XML has no place for at all is left out. */
const escaped = (content: string): string =>
  content
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;");
