/** Frame, axes and captions of the plots in `docs/`, as SVG. */

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
  const x = (value: number) => margin + part(value, xAxis) * (width - margin - 20);
  const y = (value: number) => height - margin - part(value, yAxis) * (height - margin - 40);
  const ticks = [
    ...xAxis.ticks.map(({ at, label }) => text(x(at), height - margin + 18, label, "middle")),
    ...yAxis.ticks.map(({ at, label }) => text(margin - 8, y(at) + 4, label, "end")),
  ];
  return `<text x="${width / 2}" y="22" text-anchor="middle" font-size="14">${title}</text>
<path d="M${margin} 40V${height - margin}H${width - 20}" fill="none" stroke="black"/>
${[...ticks, ...marks(x, y)].join("\n")}
<text x="${width / 2}" y="${height - 14}" text-anchor="middle">${xAxis.label}</text>
<text x="16" y="${height / 2}" text-anchor="middle" transform="rotate(-90 16 ${height / 2})">${yAxis.label}</text>`;
}

/** Where a value lies between the ends of its axis; what is beyond them lies on them. */
function part(value: number, { from, to, scale }: Axis): number {
  const inside = Math.min(Math.max(value, from), to);
  return scale === "log" ? Math.log(inside / from) / Math.log(to / from) : (inside - from) / (to - from);
}

export const text = (x: number, y: number, content: string, anchor: "start" | "middle" | "end" = "start"): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${content}</text>`;
