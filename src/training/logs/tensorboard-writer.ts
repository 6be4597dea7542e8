/** TensorBoard event files under `logs/` of a run. */
import { makeFolder } from "../../files/index.js";
import { open, readdir, type FileHandle } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { eventMessage, type EventContent, tfRecord } from "./tensorboard-event.js";
import { forWriting } from "./run-log.js";

export class TensorBoardWriter {
  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /**
   * Starts a new event file, which hides later steps of earlier files.
   * @param fromStep steps done in the checkpoint that a run resumes from; without it all steps of earlier files are hidden
   * @throws InputError if it cannot be written
   */
  static async open(
    output: string,
    { fromStep = -1 }: { readonly fromStep?: number } = {},
  ): Promise<TensorBoardWriter> {
    const folder = join(output, "logs");
    await makeFolder(folder);
    const host = hostname().replace(/[^\w.-]/g, "_");
    const name = `events.out.tfevents.${await secondsAfter(folder)}.${host}.${process.pid}.0`;
    const path = join(folder, name);
    const writer = new TensorBoardWriter(path, await forWriting(path, () => open(path, "wx")));
    await writer.write(0, { kind: "version" });
    await writer.write(fromStep + 1, { kind: "start" });
    return writer;
  }

  /** Numbers by tag, such as `train/loss`, in single precision. */
  scalars(step: number, values: Readonly<Record<string, number>>): Promise<void> {
    return this.write(step, { kind: "scalars", values });
  }

  /** Markdown under a tag, such as the settings of the run. */
  text(step: number, tag: string, text: string): Promise<void> {
    return this.write(step, { kind: "text", tag, text });
  }

  /** Flushes all events to the disk. */
  async flush(): Promise<void> {
    await forWriting(this.path, () => this.file.sync());
  }

  async close(): Promise<void> {
    await this.flush();
    await forWriting(this.path, () => this.file.close());
  }

  private async write(step: number, content: EventContent): Promise<void> {
    const record = tfRecord(eventMessage(Date.now() / 1000, step, content));
    await forWriting(this.path, () => this.file.appendFile(record));
  }
}

/** The time in seconds, but later than that of any existing file: they are read in the order of their names. */
async function secondsAfter(folder: string): Promise<number> {
  const names = await forWriting(folder, () => readdir(folder));
  const times = names.map((name) => Number(/^events\.out\.tfevents\.(\d{1,12})\./.exec(name)?.[1] ?? 0));
  return Math.max(Math.floor(Date.now() / 1000), ...times.map((time) => time + 1));
}
