/** Writes the files of a table atomically, and skips those that an earlier run has finished. */
import { makeFolder, removeAbandoned, statIfPresent, writeAtomically } from "../../files/index.js";
import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";

import { InputError } from "../../errors.js";
import { ArrowFileWriter, readMetadata, type Row } from "./arrow-writer.js";
import { type ImageFile, prefetchImages } from "./read-image.js";
import { type LeftOut, Problems, type TableReport, type PlannedRow, type Table } from "./converter.js";
import { fileSize } from "../readers/open-files.js";

export interface WriteOptions {
  readonly out: string;
  /** Replaces finished files. */
  readonly force: boolean;
  readonly onRow?: (done: number, total: number, file: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of a batch of rows. Default 64 MiB. */
  readonly batchBytes?: number;
}

export interface WrittenTable {
  readonly tables: readonly TableReport[];
  readonly absent?: LeftOut;
}

const defaultBatchBytes = 64 * 2 ** 20;
const metadataKey = "bridgetower.prepare";
const finishedSchema = z.object({
  made: z.string(),
  rows: z.int(),
  texts: z.int(),
  leftOut: z.object({
    count: z.int(),
    first: z.array(z.object({ image: z.string(), reason: z.string() })),
  }),
  /** Each image that was left out, with the bytes of its file; null if there was none that this user may read. */
  problems: z.array(z.tuple([z.string(), z.int().nullable()])),
  /** Hash of the names of all images. */
  images: z.string(),
});
type Finished = z.infer<typeof finishedSchema>;

/**
 * Writes the files of the table that are not finished yet.
 * @throws InputError for invalid sources, an existing file, a table without a readable image, a full disk
 */
export async function writeTable(table: Table, options: WriteOptions): Promise<WrittenTable> {
  await makeFolder(options.out);
  const made = await fingerprint(table);
  const { file, shardSize = Infinity } = table;
  if (typeof file === "string") {
    const finished = await finishedFile(join(options.out, file), made, options.force);
    // Without images that were left out, the sources need not be read.
    if (finished?.problems.length === 0) return { tables: [{ file, ...reported(finished), kept: true }] };
  }
  const { total, absent, each } = await table.load();
  if (total === 0) {
    throw new InputError({
      code: "missing-data",
      where: table.sources[0] ?? table.what,
      expected: table.what,
      found: "none",
    });
  }
  const rows = iteratorOf(each());
  try {
    const reports: TableReport[] = [];
    for (let start = 0, shard = 0; start < total; start += shardSize, shard++) {
      const name = typeof file === "string" ? file : file(shard);
      const path = join(options.out, name);
      const count = Math.min(shardSize, total - start);
      const finished = await finishedFile(path, made, options.force);
      const planned = finished === undefined ? undefined : await take(rows, count);
      const isKept = finished !== undefined && (await isUpToDate(finished, planned!));
      // Unfinished versions from killed runs are large, and their names are hidden.
      if (!isKept) await removeAbandoned(options.out, name);
      const remaining = planned === undefined ? rows : iteratorOf(planned);
      const result = isKept ? finished : await writeFile(table, path, made, remaining, count, options);
      reports.push({ file: name, ...reported(result), kept: isKept });
    }
    return { tables: reports, absent };
  } finally {
    await rows.return?.();
  }
}

async function take(rows: AsyncIterator<PlannedRow>, count: number): Promise<PlannedRow[]> {
  const taken: PlannedRow[] = [];
  while (taken.length < count) {
    const next = await rows.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

/**
 * Whether a finished file has all rows that the sources give now: the same images, and none that was left out has been added or replaced
 * since. Images that were removed since do not matter: their rows are in the file.
 */
async function isUpToDate({ images, problems }: Finished, planned: readonly PlannedRow[]): Promise<boolean> {
  const hash = createHash("sha256");
  for (const row of planned) hashNames(hash, row);
  if (hash.digest("hex") !== images) return false;
  const files = new Map(planned.flatMap((row) => row.images.map((image) => [image.name, image] as const)));
  for (const [name, size] of problems) {
    const now = await sizeOf(files.get(name));
    if (now !== null && now !== size) return false;
  }
  return true;
}

const hashNames = (hash: Hash, { images }: PlannedRow) => hash.update(`${images.map(({ name }) => name).join("\0")}\n`);

/** Bytes of the file of an image; null if there is none that this user may read. */
async function sizeOf(image: ImageFile | undefined): Promise<number | null> {
  for (const folder of image?.folders ?? []) {
    const path = join(folder, image!.name);
    const stats = await statIfPresent(path);
    if (stats !== undefined) return (await isReadable(path)) ? stats.size : null;
  }
  return null;
}

const isReadable = (path: string): Promise<boolean> =>
  access(path, constants.R_OK).then(
    () => true,
    () => false,
  );

async function writeFile(
  table: Table,
  path: string,
  made: string,
  rows: AsyncIterator<PlannedRow>,
  count: number,
  { onRow, signal, batchBytes = defaultBatchBytes }: WriteOptions,
): Promise<Finished> {
  const problems = new Problems();
  const leftOutImages: [string, number | null][] = [];
  const names = createHash("sha256");
  const binary = Object.keys(table.columns).filter((name) => table.columns[name] === "binary");
  let written = 0;
  let texts = 0;
  let done = 0;
  let finished: Finished | undefined;
  await writeAtomically(path, async (handle) => {
    const writer = new ArrowFileWriter(handle, table.columns, batchBytes);
    for await (const [planned, read] of prefetchImages(rows, count)) {
      signal?.throwIfAborted();
      hashNames(names, planned);
      if ("problem" in read) {
        const { image } = read.problem;
        problems.add(read.problem);
        const size = read.isRead ? await sizeOf(planned.images.find(({ name }) => name === image)) : null;
        leftOutImages.push([image, size]);
      } else {
        const images = Object.fromEntries(binary.map((name, i) => [name, read.bytes[i]!]));
        const row: Row = { ...planned.fields, ...images };
        const bytes = read.bytes.reduce((sum, { length }) => sum + length, 0);
        await writer.add(row, bytes + textBytes * planned.texts);
        written++;
        texts += planned.texts;
      }
      onRow?.(++done, count, basename(path));
    }
    const { leftOut } = problems;
    if (written === 0) throw noImages(path, leftOut);
    finished = {
      made,
      rows: written,
      texts,
      leftOut: { count: leftOut.count, first: [...leftOut.first] },
      problems: leftOutImages,
      images: names.digest("hex"),
    };
    await writer.finish(new Map([[metadataKey, JSON.stringify(finished)]]));
  });
  return finished!;
}

/** About what a text with its numbers takes, to bound batches. */
const textBytes = 256;

function noImages(path: string, { count, first }: LeftOut): InputError {
  const example = first[0] === undefined ? "" : `, the first ${first[0].image}: ${first[0].reason}`;
  const hint = "See bridgetower prepare --help for the folders of the images";
  return new InputError({
    code: "missing-data",
    where: path,
    expected: "at least one image that can be read",
    found: `none of ${count}${example}`,
    hint,
  });
}

function reported({ rows, texts, leftOut }: Finished) {
  return { rows, texts, leftOut };
}

/** Identifies the sources of a finished file. */
async function fingerprint({ sources, shardSize, columns }: Table): Promise<string> {
  const sizes = await Promise.all(sources.map(async (path) => [basename(path), await fileSize(path)]));
  return JSON.stringify({ sources: sizes, shardSize, columns: Object.keys(columns) });
}

/**
 * The note of an earlier run in the file at `path`; undefined if there is no file, or if it is to be replaced.
 * @throws InputError if the file has no such note, or was made from other sources
 */
async function finishedFile(path: string, made: string, force: boolean): Promise<Finished | undefined> {
  if (force || (await statIfPresent(path)) === undefined) return undefined;
  const note = await readMetadata(path);
  const finished = parsedNote(note?.get(metadataKey));
  if (finished?.made === made) return finished;
  const found =
    finished === undefined
      ? "a file that this command did not write"
      : "one from other source files or with other options";
  const expected = "no file, or one that an earlier run has finished";
  const hint = "Choose another folder, or replace it with --force";
  throw new InputError({ code: "file-exists", where: path, expected, found, hint });
}

function parsedNote(note: string | undefined): Finished | undefined {
  try {
    return finishedSchema.safeParse(JSON.parse(note ?? "null")).data;
  } catch {
    return undefined;
  }
}

async function* all<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T, void> {
  yield* items;
}

const iteratorOf = (rows: Iterable<PlannedRow> | AsyncIterable<PlannedRow>): AsyncIterator<PlannedRow> => all(rows);
