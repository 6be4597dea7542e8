/** Images of a Parquet file. The page of an image is decompressed and cached for the other rows in it. */

import type { DecodedArray, SchemaTree } from "hyparquet";

import { dirname } from "node:path";

import { InputError } from "../../../errors.js";
import { ByteCache } from "../byte-cache.js";
import { readNamedImage } from "../image-file.js";
import { lastAtMost } from "../packed-columns.js";
import type { DataFile } from "../open-files.js";
import { maxImageBytes } from "../reader.js";
import {
  type Chunk,
  chunkOf,
  damagedParquet,
  guarded,
  type Leaf,
  leavesOf,
  type ParquetLayout,
  type RowGroup,
} from "./parquet-file.js";
import { decodeDictionary, decodePage, elementName, type PageInfo, pageInfo } from "./parquet-pages.js";

/** Bytes of decoded pages. */
const maxCachedBytes = 2 ** 29;
/** Bytes read for a header at first, and at most: its statistics may contain values. */
const headerBytes = 2 ** 12;
const maxHeaderBytes = 2 ** 22;

/** Pages of the images in one row group. */
interface PageIndex {
  readonly chunk: Chunk;
  /** First row of each page in the row group. */
  readonly starts: readonly number[];
  readonly pages: readonly LocatedPage[];
  readonly dictionary?: LocatedPage;
}

interface LocatedPage {
  readonly info: PageInfo;
  /** Offset of the page after its header. */
  readonly offset: number;
}

/** Decoded values, and the bytes of memory that they take. */
interface Kept {
  readonly values: ArrayLike<unknown>;
  readonly bytes: number;
}

/** One column of images: bytes, paths of files, or a struct of bytes and path as Hugging Face writes it. */
export class ParquetImages {
  readonly #bytes: LeafPages | undefined;
  /** Paths of images whose bytes are not in the file. */
  readonly #paths: LeafPages | undefined;
  readonly #folder: string;

  /** @throws InputError if the column is neither binary nor text nor a struct with bytes or a path */
  constructor(file: DataFile, layout: ParquetLayout, column: SchemaTree) {
    const pages = (tree: SchemaTree | undefined, type: "binary" | "text"): LeafPages | undefined => {
      const leaf = tree?.children.length === 0 ? leavesOf(layout.root, tree)[0] : undefined;
      const isWanted = leaf?.maxRepetition === 0 && elementName(tree!.element) === type;
      return isWanted ? new LeafPages(file, leaf, column.element.name) : undefined;
    };
    const isList = column.element.converted_type !== undefined || column.element.logical_type !== undefined;
    const isStruct = column.children.length > 0 && !isList;
    const child = (name: string) => column.children.find(({ element }) => element.name === name);
    this.#bytes = pages(isStruct ? child("bytes") : column, "binary");
    this.#paths = pages(isStruct ? child("path") : column, "text");
    this.#folder = dirname(file.name);
    if (this.#bytes !== undefined || this.#paths !== undefined) return;
    throw new InputError({
      code: "invalid-dataset",
      where: `${file.name}, column ${JSON.stringify(column.element.name)}`,
      expected: "images: binary, text with the paths of files, or struct<bytes: binary, path: text>",
      found: treeName(column),
      hint: "Write the bytes of the images into the column, or choose another column in the settings",
    });
  }

  /** @param row of the row group */
  async read(group: RowGroup, row: number, where: string): Promise<Uint8Array> {
    const value = await this.#bytes?.value(group, row);
    if (!(value instanceof Uint8Array)) {
      const path = await this.#paths?.value(group, row);
      if (typeof path === "string") return readNamedImage(this.#folder, path, where);
      const hint = "Leave the row out, or write its image into the file";
      throw new InputError({ code: "missing-data", where, expected: "an image", found: "none", hint });
    }
    if (value.length > maxImageBytes) {
      const hint = "Make it smaller or leave it out";
      throw new InputError({
        code: "image-too-large",
        where,
        expected: `an image of at most ${maxImageBytes} bytes`,
        found: `${value.length}`,
        hint,
      });
    }
    // A view would keep the whole page in memory.
    return new Uint8Array(value);
  }
}

/** The values of one leaf column, read page by page. */
class LeafPages {
  readonly #file: DataFile;
  readonly #leaf: Leaf;
  readonly #where: string;
  readonly #indexes = new Map<RowGroup, Promise<PageIndex>>();
  readonly #cache = new ByteCache<Kept>(maxCachedBytes, ({ bytes }) => bytes);

  constructor(file: DataFile, leaf: Leaf, column: string) {
    this.#file = file;
    this.#leaf = leaf;
    this.#where = `${file.name}, column ${JSON.stringify(column)}`;
  }

  /** The value of a row of the row group; undefined if it is null. */
  async value(group: RowGroup, row: number): Promise<unknown> {
    const index = await this.#index(group);
    const page = lastAtMost(index.starts, row);
    const { values } = await this.#cache.get(`${group.start}/${page}`, () => this.#decode(group, index, page));
    return values[row - index.starts[page]!];
  }

  #index(group: RowGroup): Promise<PageIndex> {
    let index = this.#indexes.get(group);
    if (index === undefined) {
      index = this.#readIndex(group);
      this.#indexes.set(group, index);
      index.catch(() => this.#indexes.delete(group));
    }
    return index;
  }

  async #readIndex(group: RowGroup): Promise<PageIndex> {
    const chunk = chunkOf(this.#where, group, this.#leaf);
    const [starts, pages]: [number[], LocatedPage[]] = [[], []];
    let dictionary: LocatedPage | undefined;
    let rows = 0;
    const end = chunk.start + chunk.length;
    for (let position = chunk.start; position < end && rows < group.rows;) {
      const info = await this.#readHeader(position, end);
      const offset = position + info.headerLength;
      position = offset + info.length;
      if (position > end) throw damagedParquet(this.#where, `pages up to offset ${end}`, `one up to ${position}`);
      if (info.isDictionary) dictionary = { info, offset };
      else if (info.values > 0) {
        starts.push(rows);
        pages.push({ info, offset });
        rows += info.values;
      }
    }
    if (rows !== group.rows) throw damagedParquet(this.#where, `${group.rows} rows in a row group`, `${rows}`);
    return { chunk, starts, pages, dictionary };
  }

  async #readHeader(position: number, end: number): Promise<PageInfo> {
    for (let length = headerBytes; ; length *= 16) {
      const bytes = await this.#file.read(position, Math.min(length, end - position));
      const isAll = length >= maxHeaderBytes || length >= end - position;
      if (isAll) return guarded(this.#where, () => pageInfo(bytes));
      try {
        return pageInfo(bytes);
      } catch {
        // The header may be longer than what was read.
      }
    }
  }

  async #decode(group: RowGroup, index: PageIndex, page: number): Promise<Kept> {
    const dictionary =
      index.dictionary === undefined ? undefined : await this.#dictionary(group, index.chunk, index.dictionary);
    const { info, offset } = index.pages[page]!;
    const bytes = await this.#file.read(offset, info.length);
    const values = guarded(this.#where, () => {
      const decoded = decodePage(this.#leaf, index.chunk, info, bytes, dictionary);
      if (decoded.definitions.length === 0) return decoded.values;
      let next = 0;
      return decoded.definitions.map((level): unknown =>
        level === this.#leaf.maxDefinition ? (decoded.values as ArrayLike<unknown>)[next++] : undefined,
      );
    });
    return { values, bytes: Math.max(info.header.uncompressed_page_size, info.length) };
  }

  async #dictionary(group: RowGroup, chunk: Chunk, { info, offset }: LocatedPage): Promise<DecodedArray> {
    const { values } = await this.#cache.get(`${group.start}/dictionary`, async () => {
      const bytes = await this.#file.read(offset, info.length);
      const decoded = guarded(this.#where, () => decodeDictionary(this.#leaf, chunk, info, bytes));
      return { values: decoded, bytes: Math.max(info.header.uncompressed_page_size, info.length) };
    });
    return values as DecodedArray;
  }
}

/** A column's type as errors name it: `struct<path: text>`. */
function treeName({ children, element }: SchemaTree): string {
  if (children.length === 0) return elementName(element);
  if (element.converted_type === "LIST" || element.logical_type?.type === "LIST") return "list";
  return `struct<${children.map((child) => `${child.element.name}: ${treeName(child)}`).join(", ")}>`;
}
