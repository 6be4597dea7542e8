/** Output of commands: results to standard output, everything else to standard error. */
import type { HubProgress } from "../../checkpoint/index.js";
import type { InputError } from "../../errors.js";
import { Interrupts } from "./interrupts.js";
import { ProgressLine, type Report } from "./progress-line.js";
import type { TableOptions } from "./table.js";
import { escapeControlChars, jsonPieces } from "./text.js";

/** Characters. */
const minWritten = 2 ** 14;

export class Terminal {
  readonly progress: ProgressLine;
  readonly interrupts: Interrupts;
  private readonly warnings = new Set<string>();
  private readonly photographs = new Set<string>();
  private readonly failureListeners: ((message: string) => Promise<unknown>)[] = [];

  constructor(private readonly process: NodeJS.Process) {
    this.progress = new ProgressLine(process.stderr);
    this.interrupts = new Interrupts(process, () => this.progress.clear());
  }

  get stdin(): AsyncIterable<Uint8Array> {
    return this.process.stdin;
  }

  /** Whether the progress line is shown. */
  get isInteractive(): boolean {
    return this.process.stderr.isTTY;
  }

  /** Width and colours of standard output, for tables. */
  get style(): TableOptions {
    const { stdout, env } = this.process;
    const colour = stdout.isTTY && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
    return { columns: stdout.isTTY ? stdout.columns : undefined, colour };
  }

  /**
   * Prints the result, as one JSON document or as text, and the warnings. Async iterables in the document are arrays, whose entries are written
   * as they come.
   */
  async show(json: boolean | undefined, document: unknown, text: () => string | Promise<string>): Promise<void> {
    const pieces = json === true ? jsonPieces(document) : [await text()];
    let waiting = "";
    for await (const piece of pieces) {
      waiting += piece;
      // Fewer calls of the system for small pieces. If the first results fail, nothing is written.
      if (waiting.length < minWritten) continue;
      // The error was printed by the listener of the stream.
      if (!(await this.write(waiting))) return;
      waiting = "";
    }
    this.progress.clear();
    for (const warning of this.warnings) {
      this.process.stderr.write(`bridgetower: warning: ${escapeControlChars(warning)}\n`);
    }
    if (this.photographs.size > 0) {
      this.process.stderr.write(`bridgetower: hint: ${escapeControlChars(photographHint([...this.photographs]))}\n`);
    }
    await this.write(json === true ? `${waiting}\n` : waiting);
  }

  /** Waits until the text is written, so that a slow reader keeps no text in memory. @returns whether it could be written */
  private write(text: string): Promise<boolean> {
    return new Promise((resolve) => this.process.stdout.write(text, (error) => resolve(!error)));
  }

  /** Keeps a warning until the result is shown: a command that fails prints one line only. A message is printed once. */
  readonly warn = (message: string): void => {
    this.warnings.add(message);
  };

  /** Prints the error of one file of many. The command continues, and ends with the exit code of an error. */
  readonly fileFailed = (error: InputError): void => {
    this.progress.clear();
    this.process.stderr.write(`bridgetower: ${escapeControlChars(error.message)}\n`);
    this.process.exitCode = 1;
  };

  /** Keeps the name of an image that the packaged model was not trained for, until the result is shown. */
  readonly warnOutOfDomain = (image: string): void => {
    this.photographs.add(image);
  };

  /** Prints a line to standard error while the command is running. */
  readonly log = (message: string): void => {
    this.progress.clear();
    this.process.stderr.write(`${escapeControlChars(message)}\n`);
  };

  /** Calls `listener` with the error's message if the command fails, after the message was printed. */
  onFailure(listener: (message: string) => Promise<unknown>): void {
    this.failureListeners.push(listener);
  }

  /** @internal */
  async failed(message: string): Promise<void> {
    for (const listener of this.failureListeners) await listener(message);
  }

  /** Shows the progress of downloads, one file at a time, and why and how long one waits. */
  readonly downloads = (): ((event: HubProgress) => void) => {
    let report: Report | undefined;
    return ({ status, name, file, loaded, total, message }) => {
      if (message !== undefined) this.log(`bridgetower: ${name}: ${message}`);
      else if (status === "initiate") report = this.progress.start(`downloading ${file}`, "bytes");
      else if (status === "progress") report?.(loaded, total);
    };
  };
}

function photographHint([first, ...others]: readonly string[]): string {
  const look = others.length === 0 ? "looks like a photograph" : `and ${others.length} more look like photographs`;
  return (
    `${first} ${look}, and the packaged model knows emoji art and drawn scenes only; ` +
    "for photographs name a published checkpoint, as in --model BridgeTower/bridgetower-large-itm-mlm-itc"
  );
}
