/** Detects the files and the format of a data set by names, first bytes and the other files of the folder. */

import { fileError, statRegular } from "../../files/index.js";
import { open, readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";

import { InputError } from "../../errors.js";
import { looksLikeArrow } from "./arrow/arrow-messages.js";
import { captionTableExtensions } from "./captions/caption-table.js";
import { listed } from "./column-roles.js";
import type { DatasetFormat, DatasetSettings } from "./dataset-settings.js";
import { expandBraces, isBracePattern } from "./brace-pattern.js";
import { looksLikeTar } from "./webdataset/tar-members.js";

/** Endings by which files of a folder are known. */
const endings: Readonly<Record<DatasetFormat, readonly string[]>> = {
  folder: captionTableExtensions,
  arrow: [".arrow", ".arrows", ".feather"],
  parquet: [".parquet"],
  webdataset: [".tar"],
};

/** Formats whose data sets are a single file. */
const single: Readonly<Partial<Record<DatasetFormat, string>>> = {
  folder: "one table of captions",
};

/** Names of parts that are never trained on as one. */
const parts: Readonly<Record<string, string>> = {
  train: "train",
  training: "train",
  val: "val",
  valid: "val",
  validation: "val",
  dev: "val",
  test: "test",
  testing: "test",
};

export interface FoundFiles {
  readonly format: DatasetFormat;
  readonly paths: readonly string[];
  /** The split that the user named, if rows must still be selected by their column. */
  readonly rowSplit?: string;
}

/** @throws InputError listing what was found if it is not one data set */
export async function findFiles({ path, format, split }: DatasetSettings): Promise<FoundFiles> {
  const stats = await stat(path).catch((error: unknown) => {
    if (isBracePattern(path)) return undefined;
    throw fileError(path, error);
  });
  if (stats === undefined) {
    const paths = expandBraces(path);
    for (const shard of paths) await statRegular(shard);
    return { format: format ?? (await formatOf(paths[0]!)), paths, rowSplit: split };
  }
  if (!stats.isDirectory()) return { format: format ?? (await formatOf(path)), paths: [path], rowSplit: split };
  return findInFolder(path, format, split);
}

async function findInFolder(folder: string, format: DatasetFormat | undefined, split?: string): Promise<FoundFiles> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(folder, error);
  });
  const names = entries.map(({ name }) => name).filter((name) => !name.startsWith("."));
  if (split !== undefined && entries.some((entry) => entry.name === split && entry.isDirectory())) {
    return findInFolder(join(folder, split), format);
  }
  names.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const formats = (Object.keys(endings) as DatasetFormat[]).filter((one) => format === undefined || one === format);
  const found = formats.map((one) => ({ format: one, files: names.filter((name) => hasEnding(name, endings[one])) }));
  const [only, ...others] = found.filter(({ files }) => files.length > 0);
  if (only === undefined || others.length > 0) throw notOneFormat(folder, names, [only, ...others]);
  const named = split === undefined ? [] : filesOfSplit(only.files, split);
  const chosen = named.length > 0 ? named : only.files;
  const rowSplit = named.length > 0 ? undefined : split;
  const expected = single[only.format];
  if (expected !== undefined && chosen.length > 1) {
    const hint = "Name the file instead of its folder";
    throw new InputError({ code: "invalid-dataset", where: folder, expected, found: listed(chosen), hint });
  }
  const words = chosen.flatMap((name) => wordsOf(name, /[-._ ]+/));
  const kinds = new Set(words.flatMap((word) => (Object.hasOwn(parts, word) ? [parts[word]] : [])));
  if (named.length === 0 && kinds.size > 1) {
    const found = `${[...kinds].join(" and ")}: ${listed(chosen)}`;
    const hint = "Name one by `split`, or name the file";
    throw new InputError({ code: "invalid-dataset", where: folder, expected: "files of one split", found, hint });
  }
  return { format: only.format, paths: chosen.map((name) => join(folder, name)), rowSplit };
}

function notOneFormat(
  folder: string,
  names: readonly string[],
  found: readonly ({ format: DatasetFormat; files: readonly string[] } | undefined)[],
): InputError {
  const kinds = found.flatMap((one) => (one === undefined ? [] : [`${one.format} (${listed(one.files, 3)})`]));
  const all = Object.values(endings).flat().join(", ");
  return kinds.length > 0
    ? new InputError({
        code: "invalid-dataset",
        where: folder,
        expected: "files of one format",
        found: kinds.join(" and "),
        hint: "Name a file, or set the format",
      })
    : new InputError({
        code: "missing-data",
        where: folder,
        expected: `a table of captions or files of data (${all})`,
        found: names.length === 0 ? "an empty folder" : listed(names),
        hint: "Name the folder or the file that has them, or write a metadata.jsonl with image and caption beside the images",
      });
}

function hasEnding(name: string, known: readonly string[]): boolean {
  return known.some((ending) => basename(name).toLowerCase().endsWith(ending));
}

/** Files with the split in their names: `test-dev` is a word before `test` is one, so that `vqav2_test-dev` is no part of `test`. */
function filesOfSplit(files: readonly string[], split: string): string[] {
  const [coarse, fine] = [/[._ ]+/, /[-._ ]+/].map((separator) =>
    files.filter((name) => wordsOf(name, separator).includes(split)),
  );
  return coarse!.length > 0 ? coarse! : fine!;
}

/** `train-00000-of-00002.parquet`: train, 00000, of, 00002. */
function wordsOf(name: string, separator: RegExp): string[] {
  return name.slice(0, name.length - extname(name).length).split(separator);
}

/** The format of one file. */
async function formatOf(path: string): Promise<DatasetFormat> {
  await statRegular(path);
  const head = await firstBytes(path);
  const start = Buffer.from(head.subarray(0, 8)).toString("latin1");
  if (start.startsWith("PAR1")) return "parquet";
  if (looksLikeArrow(head)) return "arrow";
  if (looksLikeTar(head)) return "webdataset";
  const named = (Object.keys(endings) as DatasetFormat[]).find((format) => hasEnding(path, endings[format]));
  if (named !== undefined) return named;
  const isPacked = start.startsWith("\x1f\x8b") || start.startsWith("PK") || start.startsWith("\x28\xb5\x2f\xfd");
  throw new InputError({
    code: "unsupported-format",
    where: path,
    expected: `a data set (${Object.values(endings).flat().join(", ")})`,
    found: isPacked
      ? "a compressed file"
      : head.length === 0
        ? "an empty file"
        : `a ${extname(path) || "nameless"} file`,
    hint: isPacked
      ? "Unpack it first"
      : "Say its format, or write it as JSON Lines: `bridgetower prepare` reads published annotations",
  });
}

async function firstBytes(path: string): Promise<Uint8Array> {
  try {
    const handle = await open(path, "r");
    try {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(512), 0, 512, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(path, error);
  }
}
