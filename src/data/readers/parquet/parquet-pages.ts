/** Pages of a column: their headers checked, their values decoded one page at a time. */

import type { DecodedArray, PageHeader, SchemaElement } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { convert, convertWithDictionary, DEFAULT_PARSERS } from "hyparquet/src/convert.js";
import { readDataPage, readDataPageV2 } from "hyparquet/src/datapage.js";
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js";
import { readPlain } from "hyparquet/src/plain.js";

import { checkRuns, checkThrift, decompressPage, PageProblem } from "./parquet-limits.js";
import type { Chunk, Leaf } from "./parquet-file.js";

/** Writers start a new page after 20,000 values or a megabyte, rarely after a million values. */
const maxValues = 2 ** 22;

export interface PageInfo {
  readonly header: PageHeader;
  readonly isDictionary: boolean;
  /** Values, with nulls; rows in a column without lists. */
  readonly values: number;
  /** Bytes of the header, and of the page after it in the file. */
  readonly headerLength: number;
  readonly length: number;
}

/** The header at the start of `bytes`. @throws PageProblem, or an error of the decoder */
export function pageInfo(bytes: Uint8Array): PageInfo {
  checkThrift(bytes);
  const reader = { view: viewOf(bytes), offset: 0 };
  const header = parquetHeader(reader);
  const part = header.data_page_header ?? header.data_page_header_v2 ?? header.dictionary_page_header;
  const isIndex = part === undefined && header.type === "INDEX_PAGE";
  const values = isIndex ? 0 : part?.num_values;
  const sizes = [header.compressed_page_size, header.uncompressed_page_size, values];
  if (sizes.some((size) => !Number.isInteger(size) || size! < 0) || values! > maxValues) {
    throw new PageProblem(`a page of ${String(values)} values`);
  }
  return {
    header,
    isDictionary: header.type === "DICTIONARY_PAGE",
    values: values!,
    headerLength: reader.offset,
    length: header.compressed_page_size,
  };
}

/** The values of a dictionary page. */
export function decodeDictionary(leaf: Leaf, chunk: Chunk, page: PageInfo, bytes: Uint8Array): DecodedArray {
  const plain = decompressPage(chunk.metadata.codec, bytes, page.header.uncompressed_page_size);
  const { element } = leaf.path.at(-1)!;
  if (page.values > plain.length) throw new PageProblem(`${page.values} values in ${plain.length} bytes`);
  const values = readPlain({ view: viewOf(plain), offset: 0 }, chunk.metadata.type, page.values, element.type_length);
  return convert(values, decoderOf(leaf, chunk));
}

export interface PageValues {
  /** Empty if no value can be null. */
  readonly definitions: readonly number[];
  /** Empty if there are no lists. */
  readonly repetitions: readonly number[];
  /** The values that are not null. */
  readonly values: DecodedArray;
}

/** The values of a data page; text columns as strings, other bytes as they are. */
export function decodePage(
  leaf: Leaf,
  chunk: Chunk,
  page: PageInfo,
  bytes: Uint8Array,
  dictionary: DecodedArray | undefined,
): PageValues {
  const { header } = page;
  const decoder = decoderOf(leaf, chunk);
  if (header.data_page_header !== undefined) {
    const plain = decompressPage(chunk.metadata.codec, bytes, header.uncompressed_page_size);
    const { encoding } = header.data_page_header;
    checkPage(leaf, chunk, encoding, plain, page.values, undefined);
    const decoded = readDataPage(plain, header.data_page_header, decoder);
    return valuesOf(decoded, convertWithDictionary(decoded.dataPage, dictionary, encoding, decoder));
  }
  const second = header.data_page_header_v2;
  if (second === undefined) throw new PageProblem(`a page of type ${String(header.type)}`);
  const levels = { repetition: second.repetition_levels_byte_length, definition: second.definition_levels_byte_length };
  const before = levels.repetition + levels.definition;
  if (!(levels.repetition >= 0 && levels.definition >= 0 && before <= bytes.length)) {
    throw new PageProblem(`levels of ${before} bytes in a page of ${bytes.length}`);
  }
  const rest = bytes.subarray(before);
  const valueBytes =
    second.is_compressed === false
      ? rest
      : decompressPage(chunk.metadata.codec, rest, header.uncompressed_page_size - before);
  const plain = Buffer.concat([bytes.subarray(0, before), valueBytes]);
  checkPage(leaf, chunk, second.encoding, plain, page.values, levels);
  const flat = { ...header, data_page_header_v2: { ...second, is_compressed: false } };
  const decoded = readDataPageV2(plain, flat, decoder);
  return valuesOf(decoded, convertWithDictionary(decoded.dataPage, dictionary, second.encoding, decoder));
}

function valuesOf(
  decoded: { definitionLevels: number[] | undefined; repetitionLevels: number[] },
  values: DecodedArray,
): PageValues {
  return { definitions: decoded.definitionLevels ?? [], repetitions: decoded.repetitionLevels, values };
}

function decoderOf(leaf: Leaf, { metadata }: Chunk) {
  return {
    pathInSchema: metadata.path_in_schema,
    type: metadata.type,
    element: leaf.path.at(-1)!.element,
    schemaPath: [...leaf.path],
    codec: metadata.codec,
    parsers: DEFAULT_PARSERS,
    // The default decodes images as text.
    utf8: false,
  };
}

/**
 * Checks the runs of an uncompressed page before they are decoded.
 * @param levels bytes of the levels, if they are in the header and not before the levels
 */
function checkPage(
  leaf: Leaf,
  { metadata }: Chunk,
  encoding: string,
  bytes: Uint8Array,
  count: number,
  levels: { readonly repetition: number; readonly definition: number } | undefined,
): void {
  let position = 0;
  const checkLevels = (highest: number, given: number | undefined): number[] => {
    if (given === undefined && highest === 0) return [];
    const start = given === undefined ? position + 4 : position;
    const end = start + (given ?? viewOf(bytes).getUint32(position, true));
    if (end > bytes.length) throw new PageProblem(`levels that end at ${end} in a page of ${bytes.length} bytes`);
    position = end;
    if (highest === 0) return [];
    const width = bitWidth(highest);
    checkRuns(bytes, start, end, width, count);
    const found = new Array<number>(count);
    readRleBitPackedHybrid({ view: viewOf(bytes), offset: start }, width, found, end - start);
    return found;
  };
  checkLevels(leaf.maxRepetition, levels?.repetition);
  const definitions = checkLevels(leaf.maxDefinition, levels?.definition);
  const present = definitions.length === 0 ? count : definitions.filter((level) => level === leaf.maxDefinition).length;
  const isBoolean = metadata.type === "BOOLEAN";
  if (encoding === "RLE" && isBoolean) checkRuns(bytes, position + 4, bytes.length, 1, present);
  else if (encoding === "RLE" || encoding === "PLAIN_DICTIONARY" || encoding === "RLE_DICTIONARY") {
    const width = isBoolean ? 1 : (bytes[position] ?? 0);
    // With 0 bits all are the first value, and there are no runs.
    if (width > 32) throw new PageProblem(`dictionary indices of ${width} bits`);
    if (width > 0 && present > 0) checkRuns(bytes, position + 1, bytes.length, width, present);
  }
}

function bitWidth(highest: number): number {
  return 32 - Math.clz32(highest);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The type of a column in errors. */
export function elementName({ type, converted_type: converted, logical_type: logical }: SchemaElement): string {
  if (converted === "UTF8" || logical?.type === "STRING") return "text";
  return type === "BYTE_ARRAY" ? "binary" : (converted ?? type ?? "nothing").toLowerCase();
}
