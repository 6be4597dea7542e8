/** The text columns of one row group. */

import type { DecodedArray, SchemaTree } from "hyparquet";
import { assembleLists, assembleNested } from "hyparquet/src/assemble.js";
import { DEFAULT_PARSERS } from "hyparquet/src/convert.js";

import type { DataFile } from "../open-files.js";
import {
  chunkOf,
  damagedParquet,
  guarded,
  type Leaf,
  leavesOf,
  type ParquetLayout,
  type RowGroup,
} from "./parquet-file.js";
import { decodeDictionary, decodePage, type PageInfo, pageInfo } from "./parquet-pages.js";
import { PageProblem } from "./parquet-limits.js";

/** Bounds of a column in one row group; the default of writers is a million rows. */
const maxBytes = 2 ** 30;
const maxValues = 2 ** 26;

/**
 * The values of a column, one for each row: texts, numbers, bigints, lists of these, objects for structs.
 * @throws InputError naming the column if it is damaged
 */
export async function groupColumn(
  file: DataFile,
  layout: ParquetLayout,
  group: RowGroup,
  column: SchemaTree,
): Promise<ArrayLike<unknown>> {
  const where = `${file.name}, column ${JSON.stringify(column.element.name)}`;
  const leaves = new Map<string, DecodedArray>();
  for (const leaf of leavesOf(layout.root, column)) {
    const chunk = chunkOf(where, group, leaf);
    if (chunk.length > maxBytes) {
      throw damagedParquet(where, `at most ${maxBytes} bytes in a row group`, `${chunk.length}`);
    }
    const bytes = await file.read(chunk.start, chunk.length);
    const values = guarded(where, () => leafValues(leaf, chunkOf(where, group, leaf), bytes, group.rows));
    leaves.set(leaf.path.at(-1)!.path.join("."), values);
  }
  const values = guarded(where, () => {
    assembleNested(leaves, column, DEFAULT_PARSERS);
    return leaves.get(column.path.join(".")) ?? [];
  });
  if (values.length === group.rows) return values;
  throw damagedParquet(where, `${group.rows} rows in a row group`, `${values.length}`);
}

function leafValues(leaf: Leaf, chunk: Parameters<typeof decodePage>[1], bytes: Uint8Array, rows: number): unknown[] {
  const values: unknown[] = [];
  let dictionary: DecodedArray | undefined;
  let count = 0;
  for (let position = 0; position < bytes.length;) {
    // Some writers pad the end of a column.
    if (leaf.maxRepetition === 0 && values.length >= rows) break;
    const page: PageInfo = pageInfo(bytes.subarray(position));
    const start = position + page.headerLength;
    position = start + page.length;
    if (position > bytes.length)
      throw new PageProblem(`a page that ends ${position - bytes.length} bytes after its column`);
    if (page.header.type === "INDEX_PAGE") continue;
    const part = bytes.subarray(start, position);
    if (page.isDictionary) {
      dictionary = decodeDictionary(leaf, chunk, page, part);
      continue;
    }
    if (leaf.maxRepetition === 0 && page.values > rows - values.length) {
      throw new PageProblem(`a page of ${page.values} values for ${rows - values.length} rows`);
    }
    if ((count += page.values) > maxValues) throw new PageProblem(`more than ${maxValues} values in a row group`);
    const { definitions, repetitions, values: present } = decodePage(leaf, chunk, page, part, dictionary);
    const assembled = assembleLists(values, [...definitions], [...repetitions], present, [...leaf.path]);
    if (assembled !== values)
      for (const value of assembled as ArrayLike<unknown> & Iterable<unknown>) values.push(value);
  }
  return values;
}
