/** One line on a terminal with the progress of the work: count, rate, time left. */
import { escapeControlChars } from "./text.js";

/** The part of a terminal's stream that is used here. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const intervalMs = 100;
const eraseLine = "\r\u001b[K";

/** Called with the number of items or bytes that are done, and with their total (0 if it is unknown). */
export type Report = (done: number, total: number) => void;

/** Writes nothing if the stream is not a terminal. */
export class ProgressLine {
  private shown = false;
  private lastShown = -Infinity;

  /** @param now milliseconds of a monotonic clock */
  constructor(
    private readonly stream: ProgressStream,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Starts the clock of a task. @param unit unit of the count */
  start(label: string, unit: "items" | "bytes" = "items"): Report {
    const started = this.now();
    return (done, total) =>
      this.show(() => progressText(escapeControlChars(label), done, total, (this.now() - started) / 1000, unit));
  }

  /**
   * As `start`, but the clock starts at the first report, and restarts after the last item or when the count decreases: for work that
   * starts later or is repeated.
   */
  startAtFirstReport(label: string): Report {
    let report: Report | undefined;
    let last = 0;
    let isComplete = false;
    return (done, total) => {
      if (report === undefined || done < last || isComplete) report = this.start(label);
      last = done;
      isComplete = done === total;
      report(done, total);
    };
  }

  /** Replaces the line, unless it has just been written. */
  show(text: () => string): void {
    const now = this.now();
    if (this.stream.isTTY !== true || now - this.lastShown < intervalMs) return;
    this.lastShown = now;
    this.shown = true;
    this.stream.write(eraseLine + text().slice(0, (this.stream.columns || 80) - 1));
  }

  /** Removes the line, before anything else is written. */
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
