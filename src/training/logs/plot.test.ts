import { expect, test } from "vitest";
import { fittingRange } from "./plot.js";
import { curves, linearRange, logRange, type Point } from "./index.js";

const ticksOf = ({ ticks }: ReturnType<typeof linearRange>) => ticks.map(({ label }) => label);

test.each([
  [0, 700, ["0", "200", "400", "600", "800"]],
  [0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1"]],
  [0, 0.3, ["0", "0.1", "0.2", "0.3"]],
  [-1, 1, ["-1", "-0.5", "0", "0.5", "1"]],
  [5, 5, ["5", "5.2", "5.4", "5.6", "5.8", "6"]],
])("ticks from %d to %d", (from, to, ticks) => {
  expect(ticksOf(linearRange(from, to))).toEqual(ticks);
});

test("powers of ten around the values, few enough to be read", () => {
  expect(ticksOf(logRange(0.004, 3))).toEqual(["0.001", "0.01", "0.1", "1", "10"]);
  expect(ticksOf(logRange(1, 1))).toEqual(["1", "10"]);
  expect(logRange(1e-300, 1).ticks.length).toBeLessThan(12);
});

test("an axis fits its values", () => {
  expect(fittingRange([1e-3, 2]).scale).toBe("log");
  expect(fittingRange([0, 2])).toMatchObject({ from: 0, to: 2 });
  expect(fittingRange([-3, -1])).toMatchObject({ from: -3, to: 0 });
  expect(fittingRange([])).toMatchObject({ from: 0, to: 1 });
});

const panel = (...names: string[]) => ({
  title: "a < b & c",
  label: "loss",
  series: names.map((name) => ({ name, label: name })),
  range: linearRange(0, 1),
});
const pathsIn = (svg: string) => [...svg.matchAll(/<path d="(M[^"]*)" fill="none" stroke="#/g)].map(([, d]) => d);

test("a curve connects its points and skips missing or non-finite values", () => {
  const points = [0.5, NaN, 1, Infinity, 0].map((a, i) => ({ step: 25 * i, values: { a } }));
  const svg = curves([...points, { step: 100, values: {} }], [panel("a", "b")]);
  // The axes are 60 to 540 and 340 to 40 pixels.
  expect(pathsIn(svg)).toEqual(["M60.0 190.0L300.0 40.0L540.0 340.0"]);
});

test("one point is a dot, none is a legend", () => {
  const svg = curves([{ step: 0, values: { a: 1 } }], [panel("a", "b")]);
  expect(svg).toContain('<circle cx="60.0" cy="40.0"');
  expect(svg).toContain(">b</text>");
  expect(curves([], [panel("a")])).toContain("<svg");
});

test("text is escaped", () => {
  const svg = curves([{ step: 1, values: {} }], [panel('</svg><script x="">', "a\u0000b")]);
  expect(svg).not.toContain("<script");
  expect(svg).toContain("a &lt; b &amp; c");
  expect(svg).toContain(">ab</text>");
});

test("of very long runs the means of neighbours are drawn", () => {
  const points: Point[] = Array.from({ length: 100_000 }, (_, i) => ({ step: i, values: { a: i % 2 } }));
  const places = pathsIn(curves(points, [panel("a")]))[0]!.split("L");
  expect(places.length).toBe(500);
  expect(places[250]).toMatch(/ 190\.0$/);
});
