/** Converts published data sets to the tables that training reads: Arrow files with one row for each image. */
import {
  booleanType,
  callbackType,
  checkArgument,
  checkOptions,
  described,
  listOf,
  signalType,
  stringType,
  wholeNumber,
  type OptionTypes,
} from "../../arguments.js";
import { isFolder } from "../../files/index.js";
import { readAnswerList } from "../../checkpoint/index.js";
import { InputError, nearestHint } from "../../errors.js";
import { answerListFile, makeAnswerList } from "./answer-vocabulary.js";
import { coco, f30k } from "./karpathy.js";
import { nlvr2 } from "./nlvr2.js";
import type { LeftOut, PrepareReport, TableReport, Converter, PrepareContext } from "./converter.js";
import { snli } from "./snli.js";
import { vg } from "./visual-genome.js";
import { vgqa } from "./vgqa.js";
import { vqav2 } from "./vqav2.js";
import { cc, sbu } from "./web-captions.js";

const converters = { coco, f30k, vg, sbu, cc, vqav2, vgqa, snli, nlvr2 } satisfies Readonly<Record<string, Converter>>;

/** The data sets that `prepareDataset` converts, with their splits. */
export const preparedSplits: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(converters).map(([name, { splits }]) => [name, splits]),
);

/** How far `prepareDataset` is. */
export interface PrepareProgress {
  /** The current work, such as "writing vg.arrow". */
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly unit: "items" | "bytes";
}

/** Options of `prepareDataset`. */
export interface PrepareOptions {
  /** Folder with the data set as published. */
  readonly source: string;
  /** Folder for the tables. Created if missing. */
  readonly out: string;
  /** Splits to write. Default: all. */
  readonly splits?: readonly string[];
  /** Images in a file of SBU and Conceptual Captions. Default 100,000, as in the authors' configurations. */
  readonly shardSize?: number;
  /** VQAv2: counts the annotators' answers without normalizing them, and leaves `_fix` out of the names. Default false. */
  readonly rawAnswers?: boolean;
  /** Replaces existing files. Default: files of an earlier run are kept, others are an error. */
  readonly force?: boolean;
  /** An error that it throws stops the conversion. */
  readonly onProgress?: (progress: PrepareProgress) => void;
  /** Stops between two images and rejects with `signal.reason`. Finished files are kept, the unfinished one is removed. */
  readonly signal?: AbortSignal;
}

const optionTypes: OptionTypes<PrepareOptions> = {
  source: stringType,
  out: stringType,
  splits: listOf(stringType),
  shardSize: wholeNumber(1),
  rawAnswers: booleanType,
  force: booleanType,
  onProgress: callbackType,
  signal: signalType,
};
const defaultShardSize = 100_000;

/**
 * Converts a published data set to Arrow tables. Files that an earlier run has finished are kept, so a stopped conversion resumes;
 * a file is written again if images that it lacks have been added or replaced.
 * Rows are in the order of the source; the authors' files are shuffled without a seed.
 * @param name a key of `preparedSplits`
 * @throws InputError for an unknown data set, split or option, missing or invalid sources, an existing file, or a table without any
 *   readable image; `signal.reason` if aborted
 * @example
 * import { cp, mkdtemp, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const source = await mkdtemp(join(tmpdir(), "flickr30k-"));
 * await cp("examples/images", join(source, "flickr30k-images"), { recursive: true });
 * const images = [{ filename: "000.png", split: "val", sentences: [{ raw: "an angel" }, { raw: "a snowman" }] }];
 * await writeFile(join(source, "dataset_flickr30k.json"), JSON.stringify({ images }));
 *
 * const { tables } = await prepareDataset("f30k", { source, out: join(source, "tables"), splits: ["val"] });
 * for (const { file, rows, texts } of tables) console.log(file, rows, texts); // f30k_caption_karpathy_val.arrow 1 2
 */
export async function prepareDataset(name: string, options: PrepareOptions): Promise<PrepareReport> {
  const converter = converterOf(name);
  checkOptions("prepareDataset", options, optionTypes);
  checkArgument("source", options.source, stringType);
  checkArgument("out", options.out, stringType);
  const { source, out, force = false, signal, onProgress } = options;
  signal?.throwIfAborted();
  await checkSource(source);
  const context: PrepareContext = {
    source,
    out,
    force,
    signal,
    splits: chosenSplits(name, converter, options.splits),
    shardSize: shardSizeOf(name, converter, options.shardSize),
    normalized: !rawAnswersOf(name, converter, options.rawAnswers),
    onBytes: (done, total, file) => onProgress?.({ label: `reading ${file}`, done, total, unit: "bytes" }),
  };
  const onRow = (done: number, total: number, file: string) =>
    onProgress?.({ label: `writing ${file}`, done, total, unit: "items" });
  // With Apache Arrow, which only writing needs.
  const { writeTable } = await import("./write-table.js");
  const tables: TableReport[] = [];
  let absent: LeftOut | undefined;
  for (const table of await converter.tables(context)) {
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
    absent,
    answers,
  };
}

function converterOf(name: string): Converter {
  const entry = Object.entries<Converter>(converters).find(([known]) => known === name);
  if (entry !== undefined) return entry[1];
  const names = Object.keys(converters);
  const expected = `a data set: ${names.join(", ")}`;
  throw new InputError({
    code: "invalid-argument",
    where: "prepare",
    expected,
    found: described(name),
    hint: nearestHint(name, names),
  });
}

async function checkSource(source: string): Promise<void> {
  if (await isFolder(source)) return;
  const expected = "the folder of the published data set";
  throw new InputError({
    code: "file-not-found",
    where: "--source",
    expected,
    found: source === "" ? "an empty name" : `${source}, which is not a folder`,
  });
}

function chosenSplits(name: string, { splits }: Converter, wanted: readonly string[] | undefined): readonly string[] {
  const unknown = wanted?.find((split) => !splits.includes(split));
  if (unknown === undefined) return wanted === undefined ? splits : splits.filter((split) => wanted.includes(split));
  const expected =
    splits.length === 0 ? `none, because ${name} has only one` : `splits of ${name}: ${splits.join(", ")}`;
  throw new InputError({
    code: "invalid-argument",
    where: "--split",
    expected,
    found: JSON.stringify(unknown),
    hint: nearestHint(unknown, splits),
  });
}

function shardSizeOf(name: string, { sharded }: Converter, size: number | undefined): number {
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
  return size;
}

function rawAnswersOf(name: string, { answers }: Converter, raw = false): boolean {
  if (!raw || answers === true) return raw;
  throw new InputError({
    code: "invalid-argument",
    where: "--raw-answers",
    expected: "the data set vqav2",
    found: name,
    hint: "Leave it out",
  });
}

/** VQAv2 writes its answer list even if all tables were kept and only the list is missing. */
async function answerCount(name: string, context: PrepareContext): Promise<number | undefined> {
  if (name !== "vqav2" && name !== "vgqa") return undefined;
  const needed = name === "vqav2" && context.splits.some((split) => !split.startsWith("test"));
  const list =
    (await readAnswerList(answerListFile(context.out))) ?? (needed ? await makeAnswerList(context) : undefined);
  return list?.length;
}
