/** `log.jsonl`: a JSON object a line for everything that a run logs, in order. */
import { makeFolder, writeAtomically } from "../../files/index.js";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { linesOf } from "./lines.js";
import { writing } from "./writing.js";

/**
 * A logged step under the names of Hugging Face's trainer (`loss`, `learning_rate`, `grad_norm`, `epoch`), the objectives' losses as
 * `loss_<objective>`, what validation found as `eval_<name>`. A number that is not finite is written as null.
 */
export interface LogRecord {
  /** Optimizer steps done. */
  readonly step: number;
  readonly [name: string]: unknown;
}

const logName = "log.jsonl";
/** Characters that are written at once. */
const pieceSize = 2 ** 16;

export class RunLog {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    /** Lines that were dropped because they are no records. */
    readonly garbage: number,
  ) {}

  /**
   * @param fromStep steps done in the checkpoint that a run goes on from: records of later steps are dropped, and written again by
   *                 the run; without it the log begins anew
   * @throws InputError when the log cannot be written
   */
  static async open(output: string, { fromStep = -1 }: { readonly fromStep?: number } = {}): Promise<RunLog> {
    const path = join(output, logName);
    await makeFolder(output);
    let garbage = 0;
    await writeAtomically(path, async (file) => {
      let kept = "";
      for await (const line of linesOf(path)) {
        const record = parsed(line);
        if (record === undefined) garbage++;
        else if (record.step <= fromStep) kept += `${line}\n`;
        if (kept.length < pieceSize) continue;
        await file.appendFile(kept);
        kept = "";
      }
      await file.appendFile(kept);
    });
    return new RunLog(path, await writing(path, () => open(path, "a")), garbage);
  }

  /** Adds a line, by one write: other programs never read half of it, and a process that is killed has written it or not. */
  async append(record: LogRecord): Promise<void> {
    await writing(this.path, () => this.file.appendFile(`${JSON.stringify(record)}\n`));
  }

  /** Brings all lines to the disk, as before a checkpoint is saved. */
  async sync(): Promise<void> {
    await writing(this.path, () => this.file.sync());
  }

  async close(): Promise<void> {
    await writing(this.path, () => this.file.close());
  }
}

/** The records of a run's log; what is no record is left out. */
export async function* readLog(output: string): AsyncGenerator<LogRecord> {
  for await (const line of linesOf(join(output, logName))) {
    const record = parsed(line);
    if (record !== undefined) yield record;
  }
}

function parsed(line: string): LogRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is LogRecord =>
  typeof value === "object" && value !== null && "step" in value && Number.isSafeInteger(value.step);
