/** Published data sets made into the tables that training reads: Arrow files with one row for each image. */
import { stat } from "node:fs/promises";
import { InputError, nearestHint } from "../../errors.js";
import { makeAnswerList, readAnswerList } from "./answer-list.js";
import { coco, f30k } from "./karpathy.js";
import { nlvr2 } from "./nlvr2.js";
import type { LeftOut, PrepareReport, TableReport } from "./report.js";
import { snli } from "./snli.js";
import type { Preparation, PrepareContext } from "./table-source.js";
import { vg } from "./visual-genome.js";
import { vgqa } from "./vgqa.js";
import { vqav2 } from "./vqav2.js";
import { cc, sbu } from "./web-captions.js";
import { writeTable } from "./write-table.js";

const preparations = { coco, f30k, vg, sbu, cc, vqav2, vgqa, snli, nlvr2 } satisfies Readonly<
  Record<string, Preparation>
>;

/** Data sets that can be prepared, with their splits. */
export const preparedSplits: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(preparations).map(([name, { splits }]) => [name, splits]),
);

export interface PrepareProgress {
  /** What is done, such as «writing vg.arrow». */
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly unit: "items" | "bytes";
}

export interface PrepareOptions {
  /** Folder with the data set as it was published. */
  readonly source: string;
  /** Folder for the tables; it is made where missing. */
  readonly out: string;
  /** Parts to make; all unless given. */
  readonly splits?: readonly string[];
  /** Images in a file of SBU and Conceptual Captions. Default 100,000, as the published recipes expect. */
  readonly shardSize?: number;
  /** VQAv2: counts people's answers as they were typed, and leaves `_fix` out of the names. Default false. */
  readonly rawAnswers?: boolean;
  /** Writes files anew that an earlier run has finished, and over files of others. Default false. */
  readonly force?: boolean;
  readonly onProgress?: (progress: PrepareProgress) => void;
  /** Stops between two images: files that are finished stay, the one at work is taken away. */
  readonly signal?: AbortSignal;
}

const defaultShardSize = 100_000;

/**
 * Writes the tables of a data set. What an earlier run has finished is passed over, so a run that was stopped goes on.
 * Rows stand in the order of the source, where the authors' files are shuffled without a seed.
 * @param name one of `preparedSplits`
 * @throws InputError for missing or wrong sources, a file in the way, a table without any readable image
 */
export async function prepareDataset(name: string, options: PrepareOptions): Promise<PrepareReport> {
  const preparation = preparationOf(name);
  const { source, out, force = false, signal, onProgress } = options;
  await checkSource(source);
  const context: PrepareContext = {
    source,
    out,
    force,
    signal,
    splits: chosenSplits(name, preparation, options.splits),
    shardSize: shardSizeOf(name, preparation, options.shardSize),
    normalized: !rawAnswersOf(name, preparation, options.rawAnswers),
    onBytes: (done, total, file) => onProgress?.({ label: `reading ${file}`, done, total, unit: "bytes" }),
  };
  const onRow = (done: number, total: number, file: string) =>
    onProgress?.({ label: `writing ${file}`, done, total, unit: "items" });
  const tables: TableReport[] = [];
  let absent: LeftOut | undefined;
  for (const table of await preparation.tables(context)) {
    signal?.throwIfAborted();
    const written = await writeTable(table, { out, force, onRow, signal });
    tables.push(...written.tables);
    absent ??= written.absent;
  }
  const answers = await answerCount(name, context);
  return {
    dataset: name,
    out,
    tables,
    ...(absent === undefined ? {} : { absent }),
    ...(answers === undefined ? {} : { answers }),
  };
}

function preparationOf(name: string): Preparation {
  const entry = Object.entries<Preparation>(preparations).find(([known]) => known === name);
  if (entry !== undefined) return entry[1];
  const names = Object.keys(preparations);
  const expected = `a data set: ${names.join(", ")}`;
  throw new InputError({
    code: "invalid-argument",
    where: "prepare",
    expected,
    found: JSON.stringify(name),
    hint: nearestHint(name, names),
  });
}

async function checkSource(source: string): Promise<void> {
  if ((await stat(source).catch(() => undefined))?.isDirectory() === true) return;
  const expected = "the folder of the published data set";
  throw new InputError({
    code: "file-not-found",
    where: "--source",
    expected,
    found: source === "" ? "an empty name" : `${source}, which is none`,
  });
}

function chosenSplits(name: string, { splits }: Preparation, wanted: readonly string[] | undefined): readonly string[] {
  const unknown = wanted?.find((split) => !splits.includes(split));
  if (unknown === undefined) return wanted === undefined ? splits : splits.filter((split) => wanted.includes(split));
  const expected =
    splits.length === 0 ? `none, as ${name} has only one part` : `splits of ${name}: ${splits.join(", ")}`;
  throw new InputError({ code: "invalid-argument", where: "--split", expected, found: JSON.stringify(unknown) });
}

function shardSizeOf(name: string, { sharded }: Preparation, size: number | undefined): number {
  if (size === undefined) return defaultShardSize;
  if (sharded !== true) {
    const hint = "Leave it out";
    throw new InputError({
      code: "invalid-argument",
      where: "--shard-size",
      expected: "a data set in shards: sbu, cc",
      found: name,
      hint,
    });
  }
  if (Number.isSafeInteger(size) && size > 0) return size;
  throw new InputError({
    code: "invalid-argument",
    where: "--shard-size",
    expected: "a whole number, 1 or more",
    found: String(size),
  });
}

function rawAnswersOf(name: string, { answers }: Preparation, raw = false): boolean {
  if (!raw || answers === true) return raw;
  throw new InputError({
    code: "invalid-argument",
    where: "--raw-answers",
    expected: "the data set vqav2",
    found: name,
    hint: "Leave it out",
  });
}

/** VQAv2 has its list even where all its tables were there before, and the list was lost. */
async function answerCount(name: string, context: PrepareContext): Promise<number | undefined> {
  if (name !== "vqav2" && name !== "vgqa") return undefined;
  const needed = name === "vqav2" && context.splits.some((split) => !split.startsWith("test"));
  const list = (await readAnswerList(context.out)) ?? (needed ? await makeAnswerList(context) : undefined);
  return list?.length;
}
