/** One line on a terminal that tells how far the work is: count, rate, time left. */
import { visible } from "./escape-control-chars.js";

/** The part of a terminal's stream that is needed here. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const shownEvery = 100;
const eraseLine = "\r\u001b[K";

/** Silent where the stream is no terminal. */
export class ProgressLine {
  private shown = false;
  private lastShown = -Infinity;

  /** @param now milliseconds on a clock that never goes back */
  constructor(
    private readonly stream: ProgressStream,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Begins a piece of work.
   * @param unit what is counted
   * @returns to be told how much is done
   */
  start(label: string, unit: "items" | "bytes" = "items"): (done: number, total: number) => void {
    const begun = this.now();
    return (done, total) =>
      this.show(() => progressText(visible(label), done, total, (this.now() - begun) / 1000, unit));
  }

  /** Puts a text in the place of the one before, unless that has just come. */
  show(text: () => string): void {
    const now = this.now();
    if (this.stream.isTTY !== true || now - this.lastShown < shownEvery) return;
    this.lastShown = now;
    this.shown = true;
    this.stream.write(eraseLine + text().slice(0, (this.stream.columns ?? 80) - 1));
  }

  /** Takes the line away, before anything else is written. */
  clear(): void {
    if (this.shown) this.stream.write(eraseLine);
    this.shown = false;
  }
}

function progressText(label: string, done: number, total: number, seconds: number, unit: "items" | "bytes"): string {
  const amount = unit === "items" ? (value: number) => value.toFixed(0) : megabytes;
  const rate = seconds > 0 ? done / seconds : 0;
  const known = rate > 0 && total > 0;
  return [
    `${label} ${amount(done)}${total > 0 ? `/${amount(total)}` : ""}`,
    ...(rate > 0 ? [`${unit === "items" ? (rate < 10 ? rate.toFixed(1) : rate.toFixed(0)) : megabytes(rate)}/s`] : []),
    ...(known ? [`${duration((total - done) / rate)} left`] : []),
  ].join(", ");
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes === 0) return `${whole} s`;
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
