/** The footer of a Parquet file: its schema and the positions of the columns of each row group. Values are not read. */

import { type ColumnMetaData, type FileMetaData, parquetMetadata, parquetSchema, type SchemaTree } from "hyparquet";
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath } from "hyparquet/src/schema.js";

import { InputError } from "../../../errors.js";
import type { DataFile } from "../open-files.js";
import { checkThrift, PageProblem } from "./parquet-limits.js";

/** Bytes. Footers take some kilobytes for each row group. */
const maxFooter = 2 ** 28;
const magic = "PAR1";

/** A column of plain values. Lists and structs have one for each of their leaves. */
export interface Leaf {
  /** From the root down to the column. */
  readonly path: readonly SchemaTree[];
  readonly maxDefinition: number;
  readonly maxRepetition: number;
}

/** The values of a leaf in one row group. */
export interface Chunk {
  readonly metadata: ColumnMetaData;
  readonly start: number;
  readonly length: number;
}

export interface RowGroup {
  /** Row of the file that is its first. */
  readonly start: number;
  readonly rows: number;
  /** By the path of the leaf, joined by dots. */
  readonly chunks: ReadonlyMap<string, Chunk>;
}

export interface ParquetLayout {
  /** Top-level columns. */
  readonly columns: readonly SchemaTree[];
  readonly root: SchemaTree;
  readonly groups: readonly RowGroup[];
  readonly rows: number;
}

/** @throws InputError naming the file if its footer is damaged or points outside of it */
export async function readParquetLayout(file: DataFile): Promise<ParquetLayout> {
  const tail = file.size < 12 ? new Uint8Array(8) : await file.read(file.size - 8, 8);
  const end = Buffer.from(tail.subarray(4)).toString("latin1");
  if (end !== magic) {
    const found = end === "PARE" ? "one that is encrypted" : `${file.size} bytes that end otherwise`;
    throw damagedParquet(file.name, `${magic} at the end of a Parquet file`, found);
  }
  const length = new DataView(tail.buffer).getUint32(0, true);
  if (length > Math.min(maxFooter, file.size - 12)) {
    throw damagedParquet(file.name, "a footer inside the file", `one of ${length} bytes`);
  }
  const footer = await file.read(file.size - 8 - length, length + 8);
  return guarded(file.name, () => {
    checkThrift(footer.subarray(0, length));
    const metadata = parquetMetadata(footer, { geoparquet: false });
    const hasNames = metadata.schema.every(({ name }: { readonly name?: unknown }) => typeof name === "string");
    if (!hasNames) throw new PageProblem("a column without a name");
    const root = parquetSchema(metadata);
    return { root, columns: root.children, ...groupsOf(file, metadata) };
  });
}

/** Leaves at and under a column. */
export function leavesOf(root: SchemaTree, column: SchemaTree): Leaf[] {
  if (column.children.length > 0) return column.children.flatMap((child) => leavesOf(root, child));
  const path = getTreePath(root, column.path);
  return [{ path, maxDefinition: getMaxDefinitionLevel(path), maxRepetition: getMaxRepetitionLevel(path) }];
}

/** @throws InputError when the row group lacks the column */
export function chunkOf(where: string, group: RowGroup, leaf: Leaf): Chunk {
  const name = leaf.path.at(-1)!.path.join(".");
  const chunk = group.chunks.get(name);
  if (chunk !== undefined) return chunk;
  throw damagedParquet(where, `column ${name} in the row group at row ${group.start}`, "none");
}

/** The error for a file that breaks its format. */
export function damagedParquet(where: string, expected: string, found: string, cause?: unknown): InputError {
  const hint = "Download the file or write it again: it is damaged or truncated";
  return new InputError({ code: "corrupt-file", where, expected, found, hint }, { cause });
}

/** The result of `decode`, with any error of the decoder as an InputError: on bytes that are not Parquet it fails in many ways. */
export function guarded<T>(where: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof InputError) throw error;
    const found = error instanceof PageProblem ? error.message : "other bytes";
    throw damagedParquet(where, "what Parquet's format prescribes", found, error);
  }
}

function groupsOf(file: DataFile, metadata: FileMetaData): { groups: RowGroup[]; rows: number } {
  let rows = 0;
  const groups = metadata.row_groups.map((group): RowGroup => {
    const start = rows;
    rows += count(group.num_rows);
    // Columns of nulls take almost no space, so a small file could claim any number of rows.
    if (rows > file.size) throw new PageProblem(`more rows than bytes`);
    const chunks = group.columns.flatMap(({ meta_data: column, file_path: elsewhere }) => {
      if (column === undefined || (elsewhere !== undefined && elsewhere !== "")) return [];
      return [[column.path_in_schema.join("."), chunkIn(file, column)] as const];
    });
    return { start, rows: rows - start, chunks: new Map(chunks) };
  });
  return { groups, rows };
}

function chunkIn(file: DataFile, metadata: ColumnMetaData): Chunk {
  const data = count(metadata.data_page_offset);
  const dictionary = metadata.dictionary_page_offset === undefined ? 0 : count(metadata.dictionary_page_offset);
  const start = dictionary > 0 ? Math.min(dictionary, data) : data;
  const length = count(metadata.total_compressed_size);
  if (start + length > file.size) throw new PageProblem(`a column of ${length} bytes at offset ${start}`);
  return { metadata, start, length };
}

function count(value: bigint | number): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new PageProblem(`the number ${String(value)}`);
}
