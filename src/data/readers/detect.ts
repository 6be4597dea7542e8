/** Detects the files and the format of a data set by names, first bytes and the other files of the folder. */

import { fileError, refuseStandIn, statRegular } from "../../files/index.js";
import { stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";

import { InputError } from "../../errors.js";
import { isImageName } from "../../processing/index.js";
import { looksLikeArrow } from "./arrow/arrow-messages.js";
import { captionTableExtensions, looksLikeAnnotations, looksLikeCaptionTable } from "./captions/table-kind.js";
import { firstBytes } from "./open-files.js";
import { type ColumnNames, listed } from "./column-roles.js";
import type { DatasetFormat, DatasetSettings } from "./dataset-settings.js";
import { expandBraces, isBracePattern } from "./brace-pattern.js";
import { partOf } from "./reader.js";
import { savedFiles } from "./saved-folder.js";
import { byNumber, entriesOf, hasSidecars, sidecarsOf } from "./sidecar/sidecar-files.js";
import { looksLikeTar } from "./webdataset/tar-members.js";

/** Endings by which files of a folder are known. */
const endings: Readonly<Record<DatasetFormat, readonly string[]>> = {
  folder: captionTableExtensions,
  sidecar: [],
  arrow: [".arrow", ".arrows", ".feather"],
  parquet: [".parquet"],
  webdataset: [".tar"],
};

/** Formats whose data sets are a single file. */
const single: Readonly<Partial<Record<DatasetFormat, string>>> = {
  folder: "one table of captions",
};

export interface FoundFiles {
  readonly format: DatasetFormat;
  readonly paths: readonly string[];
  /** The split that the user named, if rows must still be selected by their column. */
  readonly rowSplit?: string;
}

/** @throws InputError listing what was found if it is not one data set */
export async function findFiles({ path, format, split, columns = {} }: DatasetSettings): Promise<FoundFiles> {
  const stats = await stat(path).catch((error: unknown) => {
    if (isBracePattern(path)) return undefined;
    throw fileError(path, error);
  });
  if (stats === undefined) {
    const paths = expandBraces(path);
    for (const shard of paths) await statRegular(shard);
    return { format: format ?? (await formatOf(paths[0]!, columns)), paths, rowSplit: split };
  }
  if (!stats.isDirectory())
    return { format: format ?? (await formatOf(path, columns)), paths: [path], rowSplit: split };
  return findInFolder(path, format, { split, columns });
}

/** What the user has said of the rows. */
type ChosenRows = Pick<DatasetSettings, "split" | "columns"> & { readonly columns: ColumnNames };

/** Text files of a folder that are looked into. */
const maxTextFiles = 20;

async function findInFolder(
  folder: string,
  format: DatasetFormat | undefined,
  settings: ChosenRows,
): Promise<FoundFiles> {
  const { split, columns } = settings;
  const { files: names, folders } = await entriesOf(folder);
  if (split !== undefined && folders.includes(split)) {
    return findInFolder(join(folder, split), format, { columns });
  }
  const rowSplit = split;
  const saved = format === undefined || format === "arrow" ? await savedFiles(folder, names) : undefined;
  if (saved !== undefined) return { format: "arrow", paths: saved.map((name) => join(folder, name)), rowSplit };
  if (format === "sidecar") return { format, paths: [folder], rowSplit };
  const formats = (Object.keys(endings) as DatasetFormat[]).filter((one) => format === undefined || one === format);
  const isData = (name: string, one: DatasetFormat) => !isCache(name) && hasEnding(name, endings[one]);
  const found = formats.map((one) => ({ format: one, files: names.filter((name) => isData(name, one)) }));
  const [named, ...others] = found.filter(({ files }) => files.length > 0);
  if (others.length > 0) throw severalFormats(folder, [named!, ...others]);
  const tables = named === undefined && formats.includes("folder") ? await textTables(folder, names, columns) : [];
  const only = tables.length > 0 ? { format: "folder" as const, files: tables } : named;
  if (only !== undefined) return chooseFiles(folder, only, split);
  const isSplit = folders.filter((name) => partOf(name) !== undefined).length > 1;
  if (formats.includes("sidecar") && !isSplit && (await holdsSidecars(folder, names, folders))) {
    return { format: "sidecar", paths: [folder], rowSplit };
  }
  // Data sets of the hub have their files in `data`, or in a folder with the name of their configuration.
  const inner = folders.includes("data") ? "data" : folders.length === 1 ? folders[0] : undefined;
  try {
    if (inner !== undefined) return await findInFolder(join(folder, inner), format, settings);
  } catch (error) {
    if (!(error instanceof InputError && error.code === "missing-data" && partOf(inner!) === undefined)) throw error;
  }
  throw noData(folder, names, folders);
}

/** Text files that are tables, such as `captions.txt` or a list in a `.json`, if no other table is there. */
async function textTables(folder: string, names: readonly string[], columns: ColumnNames): Promise<string[]> {
  const texts = sidecarsOf(names).others.filter((name) => /\.(?:txt|json)$/i.test(name));
  const tables: string[] = [];
  for (const name of texts.slice(0, maxTextFiles)) {
    if (looksLikeCaptionTable(await firstBytes(join(folder, name), lineBytes), columns)) tables.push(name);
  }
  return tables;
}

/** Whether images with their texts are in the folder or directly in one of its folders. */
async function holdsSidecars(folder: string, names: readonly string[], folders: readonly string[]): Promise<boolean> {
  if (hasSidecars(names)) return true;
  for (const name of folders) if (hasSidecars((await entriesOf(join(folder, name))).files)) return true;
  return false;
}

/** The files of a split, or all files if they are of one. */
function chooseFiles(
  folder: string,
  { format, files }: { readonly format: DatasetFormat; readonly files: readonly string[] },
  split: string | undefined,
): FoundFiles {
  const named = split === undefined ? [] : filesOfSplit(files, split);
  const chosen = named.length > 0 ? named : files;
  const rowSplit = named.length > 0 ? undefined : split;
  const expected = single[format];
  if (expected !== undefined && chosen.length > 1) {
    const hint = "Pass the file instead of its folder";
    throw new InputError({ code: "invalid-dataset", where: folder, expected, found: listed(chosen), hint });
  }
  const words = chosen.flatMap((name) => wordsOf(name, /[-._ ]+/));
  const kinds = new Set(words.flatMap((word) => partOf(word) ?? []));
  if (named.length === 0 && kinds.size > 1) {
    const found = `${[...kinds].join(" and ")}: ${listed(chosen)}`;
    const hint = "Name one by `split`, or name the file";
    throw new InputError({ code: "invalid-dataset", where: folder, expected: "files of one split", found, hint });
  }
  return { format, paths: chosen.map((name) => join(folder, name)), rowSplit };
}

/** Caches of Hugging Face datasets beside the files of rows. */
const isCache = (name: string): boolean => /^cache-.*\.arrow$/.test(name);

function noData(folder: string, names: readonly string[], folders: readonly string[]): InputError {
  const all = Object.values(endings).flat().join(", ");
  return new InputError({
    code: "missing-data",
    where: folder,
    expected: `a table of captions or files of data (${all}), or images with text files beside them`,
    found: names.length + folders.length === 0 ? "an empty folder" : listed([...names, ...folders].sort(byNumber)),
    hint: noDataHint(folder, names, folders),
  });
}

function noDataHint(folder: string, names: readonly string[], folders: readonly string[]): string {
  const [split] = folders.filter((name) => partOf(name) !== undefined).sort();
  if (split !== undefined) {
    return `Name one of its folders, such as ${join(folder, split)}, or choose it by \`split\``;
  }
  const named = (pattern: RegExp) => names.find((name) => pattern.test(name));
  const packed = named(/\.(?:gz|tgz|zip|zst|bz2|xz|7z|rar)$/i);
  if (packed !== undefined) return `Unpack ${packed} first`;
  const sheet = named(/\.(?:xlsx|xlsm|xls|ods|numbers)$/i);
  if (sheet !== undefined) return `Save ${sheet} as CSV in UTF-8`;
  const image = names.find(isImageName);
  if (image !== undefined) {
    const text = `${image.slice(0, image.length - extname(image).length)}.txt`;
    return `Write the caption of ${image} into ${text}, or write a metadata.jsonl with image and caption beside the images`;
  }
  return "Pass the folder or the file that has them, or write a metadata.jsonl with image and caption beside the images";
}

function severalFormats(
  folder: string,
  found: readonly { readonly format: DatasetFormat; readonly files: readonly string[] }[],
): InputError {
  return new InputError({
    code: "invalid-dataset",
    where: folder,
    expected: "files of one format",
    found: found.map(({ format, files }) => `${format} (${listed(files, 3)})`).join(" and "),
    hint: "Pass a file, or set the format",
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

/** Bytes with the first line of a table. */
const lineBytes = 2 ** 16;

/** The format of one file. */
async function formatOf(path: string, columns: ColumnNames): Promise<DatasetFormat> {
  await statRegular(path);
  const head = await firstBytes(path, 512);
  const start = Buffer.from(head.subarray(0, 8)).toString("latin1");
  const endingsKnown = Object.values(endings).flat().join(", ");
  refuseStandIn(head, path, `a data set (${endingsKnown})`);
  if (start.startsWith("PAR1")) return "parquet";
  if (looksLikeArrow(head)) return "arrow";
  if (looksLikeTar(head)) return "webdataset";
  const named = (Object.keys(endings) as DatasetFormat[]).find((format) => hasEnding(path, endings[format]));
  if (named !== undefined) return named;
  const longHead = await firstBytes(path, lineBytes);
  if (looksLikeCaptionTable(longHead, columns)) return "folder";
  throw new InputError({
    code: "unsupported-format",
    where: path,
    expected: `a data set (${endingsKnown})`,
    ...otherFile(path, longHead),
  });
}

/** What a file of no known format is, and what to do with it. */
function otherFile(path: string, head: Uint8Array): { readonly found: string; readonly hint: string } {
  const start = Buffer.from(head.subarray(0, 8)).toString("latin1");
  if (start.startsWith("PK") && /\.(?:xlsx|xlsm|ods|numbers)$/i.test(path)) {
    return { found: "a spreadsheet", hint: "Save it as CSV in UTF-8" };
  }
  if (start.startsWith("\x1f\x8b") || start.startsWith("PK") || start.startsWith("\x28\xb5\x2f\xfd")) {
    return { found: "a compressed file", hint: "Unpack it first" };
  }
  const ending = extname(path);
  if (ending.toLowerCase() === ".json") {
    if (looksLikeAnnotations(head)) {
      const hint = "Convert them with `bridgetower prepare`, which lists the data sets that it knows with --help";
      return { found: "annotations as COCO and other data sets publish them", hint };
    }
    const hint = "Write one object per line with image and caption: `bridgetower prepare` reads published annotations";
    return { found: "a JSON file that is neither JSON Lines nor a list of objects with a column of images", hint };
  }
  const found = head.length === 0 ? "an empty file" : `a ${ending || "nameless"} file`;
  const hint = "If it is a table, write the names of its columns in the first line (image and caption)";
  return { found, hint };
}
