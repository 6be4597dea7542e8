/** `log.jsonl`: a JSON object a line for everything that a run logs, in order. */
import { open, rename, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { fileError, makeFolder, readLines, statIfPresent, writeAtomically } from "../../files/index.js";

/**
 * A logged step under the names of Hugging Face's trainer (`loss`, `learning_rate`, `grad_norm`, `epoch`), the objectives' losses as
 * `loss_<objective>`, results of a validation as `eval_<name>`. A number that is not finite is written as null.
 */
export interface LogRecord {
  /** Optimizer steps done. */
  readonly step: number;
  readonly [name: string]: unknown;
}

const logName = "log.jsonl";
/** Characters that are written at once. */
const pieceSize = 2 ** 16;
/** Characters; a longer line is not a record. */
const maxLineLength = 2 ** 20;

export class RunLog {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /**
   * @param fromStep steps done in the checkpoint that a run resumes from: records of later steps are dropped, because the run logs them
   *                 again; without it the log is empty, and one with records is moved to the first free name of `log.1.jsonl`,
   *                 `log.2.jsonl` and so on
   * @throws InputError if the log cannot be written
   */
  static async open(output: string, { fromStep }: { readonly fromStep?: number } = {}): Promise<RunLog> {
    const path = join(output, logName);
    await makeFolder(output);
    if (fromStep === undefined) await forWriting(path, () => moveAside(output));
    await writeAtomically(path, async (file) => {
      let kept = "";
      for await (const { record, line } of recordsIn(path)) {
        if (fromStep !== undefined && record.step <= fromStep) kept += `${line}\n`;
        if (kept.length < pieceSize) continue;
        await file.appendFile(kept);
        kept = "";
      }
      await file.appendFile(kept);
    });
    return new RunLog(path, await forWriting(path, () => open(path, "a")));
  }

  /** Adds a line, by one write: other programs never read half of it, and a process that is killed has written it or not. */
  async append(record: LogRecord): Promise<void> {
    await forWriting(this.path, () => this.file.appendFile(`${JSON.stringify(record)}\n`));
  }

  /** Flushes all lines to the disk, as before a checkpoint is saved. */
  async sync(): Promise<void> {
    await forWriting(this.path, () => this.file.sync());
  }

  async close(): Promise<void> {
    await forWriting(this.path, () => this.file.close());
  }
}

/** Runs an operation on a file of the log. @throws InputError that names the file, for an error of the system */
export async function forWriting<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const hint = "Make room or check the permissions, then resume";
    throw fileError(path, error, { action: "write", hint });
  }
}

/**
 * The records of a run's log; lines that are not records are skipped.
 * @example
 * import { mkdtemp, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const output = await mkdtemp(join(tmpdir(), "run-"));
 * await writeFile(join(output, "log.jsonl"), '{"step": 10, "loss": 0.5}\n');
 * for await (const record of readLog(output)) console.log(record.step, record.loss); // 10 0.5
 */
export async function* readLog(output: string): AsyncGenerator<LogRecord> {
  for await (const { record } of recordsIn(join(output, logName))) yield record;
}

/** A log may be torn, of any size, or not text at all. One that does not exist has no records. */
async function* recordsIn(path: string): AsyncGenerator<{ readonly record: LogRecord; readonly line: string }> {
  if ((await statIfPresent(path)) === undefined) return;
  for await (const { text: line } of readLines(path, { maxLineLength, damaged: "skip" })) {
    const record = parsed(line);
    if (record !== undefined) yield { record, line };
  }
}

/** Keeps the records of an earlier run. */
async function moveAside(output: string): Promise<void> {
  const path = join(output, logName);
  let hasRecords = false;
  for await (const { line } of recordsIn(path)) {
    hasRecords = line !== "";
    // Ends the iterator, which closes the file.
    break;
  }
  if (!hasRecords) return;
  let number = 1;
  while ((await statIfPresent(join(output, `log.${number}.jsonl`))) !== undefined) number++;
  await rename(path, join(output, `log.${number}.jsonl`));
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
