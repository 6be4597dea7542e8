/** Axes that fit values: round numbers at the ticks. */
import type { Axis } from "./plot.js";

export type Range = Pick<Axis, "from" | "to" | "ticks" | "scale">;

/** From `from` to `to` in about five steps of 1, 2 or 5 times a power of ten; the last tick is at or beyond `to`. */
export function linearRange(from: number, to: number): Range {
  const span = to > from ? to - from : 1;
  const rough = span / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999)!;
  const first = Math.floor(from / step + 1e-9);
  const last = Math.max(Math.ceil((from + span) / step - 1e-9), first + 1);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => tick(Number(((first + i) * step).toPrecision(12))));
  return { from: ticks[0]!.at, to: ticks.at(-1)!.at, ticks };
}

/** Powers of ten around positive values; of many, as few are ticks as can be read. */
export function logRange(from: number, to: number): Range {
  const low = Math.floor(Math.log10(from));
  const high = Math.max(Math.ceil(Math.log10(to)), low + 1);
  const every = Math.ceil((high - low) / 10);
  const ticks = [];
  for (let power = low; power <= high; power += every) ticks.push(tick(Number(`1e${power}`)));
  return { scale: "log", from: Number(`1e${low}`), to: Number(`1e${high}`), ticks };
}

/** Where the values' sizes differ much, powers of ten; else from 0, or the least below it. */
export function fittingRange(values: readonly number[]): Range {
  const [least, most] = extremes(values);
  if (least > 0 && most / least > 20) return logRange(least, most);
  return linearRange(Math.min(least, 0), Math.max(most, 0));
}

/** Not by spreading: a run may log more values than a call takes arguments. */
function extremes(values: readonly number[]): [least: number, most: number] {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return values.length === 0 ? [0, 1] : [least, most];
}

const tick = (at: number) => ({ at, label: String(at) });
