/** Where a command's answer goes: results to standard output, everything else to standard error. */
import type { HubProgress } from "../../checkpoint/index.js";
import { Interrupts } from "../interrupts.js";
import { photographHint } from "../image-files.js";
import { ProgressLine } from "./progress-line.js";
import { visible, visibleJson } from "./escape-control-chars.js";

export class Terminal {
  readonly progress: ProgressLine;
  readonly interrupts: Interrupts;
  private readonly warnings: string[] = [];
  private readonly photographs = new Set<string>();
  private readonly lastWords: ((message: string) => Promise<unknown>)[] = [];

  constructor(private readonly process: NodeJS.Process) {
    this.progress = new ProgressLine(process.stderr);
    this.interrupts = new Interrupts(process, () => this.progress.clear());
  }

  get stdin(): AsyncIterable<Uint8Array> {
    return this.process.stdin;
  }

  /** Whether somebody sees the progress line. */
  get isWatched(): boolean {
    return this.process.stderr.isTTY;
  }

  /** Limits of the terminal that shows results, for `table`. */
  get style(): { columns: number | undefined; colour: boolean } {
    const { stdout, env } = this.process;
    const colour = stdout.isTTY && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
    return { columns: stdout.isTTY ? stdout.columns : undefined, colour };
  }

  /** Shows an answer: one JSON document, or the text for people. */
  show(json: boolean | undefined, document: unknown, text: () => string): void {
    this.progress.clear();
    for (const warning of this.warnings) this.process.stderr.write(`bridgetower: warning: ${visible(warning)}\n`);
    if (this.photographs.size > 0) {
      this.process.stderr.write(`bridgetower: hint: ${visible(photographHint([...this.photographs]))}\n`);
    }
    this.process.stdout.write(json === true ? `${visibleJson(document)}\n` : text());
  }

  /** Keeps a warning until the answer is there: a command that fails says so in one line. */
  readonly warn = (message: string): void => {
    this.warnings.push(message);
  };

  /** Keeps the name of an image that the packaged model was not made for, until the answer is there. */
  readonly seePhotograph = (image: string): void => {
    this.photographs.add(image);
  };

  /** Says something while the work goes on, on standard error. */
  readonly tell = (message: string): void => {
    this.progress.clear();
    this.process.stderr.write(`${visible(message)}\n`);
  };

  /** Has others told why the command failed, when the user has been told. */
  afterFailure(tell: (message: string) => Promise<unknown>): void {
    this.lastWords.push(tell);
  }

  /** @internal */
  async failed(message: string): Promise<void> {
    for (const tell of this.lastWords) await tell(message);
  }

  /** Shows the progress of downloads, one file at a time. */
  readonly downloads = (): ((event: HubProgress) => void) => {
    let report: ((done: number, total: number) => void) | undefined;
    return ({ status, file, loaded, total }) => {
      if (status === "initiate") report = this.progress.start(`downloading ${file}`, "bytes");
      else if (status === "progress") report?.(loaded, total);
    };
  };
}
