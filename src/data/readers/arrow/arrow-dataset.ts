/** Arrow IPC files as written by pandas and Hugging Face: texts are read into memory, images on demand. */

import { InputError } from "../../../errors.js";
import type { Dataset, ImageSource } from "../../dataset.js";
import { ByteCache } from "../byte-cache.js";
import { growableUint32, lastAtMost } from "../packed-columns.js";
import { checkNamedColumns, type FoundColumns, findColumns, imageColumns, textColumns } from "../column-roles.js";
import { rowTexts } from "../row-texts.js";
import { hasTexts, RowStore } from "../row-store.js";
import { RowValues } from "../row-values.js";
import { type ReaderInput, tableDataset } from "../reader.js";
import { ArrowBody, type BufferCache } from "./arrow-body.js";
import { type ArrowColumn, batchColumns } from "./arrow-columns.js";
import { type ArrowLayout, type ArrowMessage, arrowProblem, readArrowLayout } from "./arrow-messages.js";
import { type BatchImages, batchImages, checkImageField } from "./arrow-images.js";
import type { ArrowField } from "./arrow-schema.js";
import { columnValues } from "./arrow-values.js";

/** Bytes of decompressed buffers. */
const maxCachedBytes = 2 ** 29;
/** Rows whose texts are decoded at once. */
const window = 1024;

/**
 * The rows of one Arrow file, file or stream format. A row without image and text is left out. One with only text is kept, and its
 * image is an error when it is read. `blocks` are the batches where images are compressed.
 * @throws InputError naming file and column for damage, columns of other types, or none with images
 */
export async function openArrow(input: ReaderInput): Promise<Dataset> {
  const file = await input.files.add(input.paths[0]!);
  const layout = await readArrowLayout(file);
  try {
    const cache: BufferCache = new ByteCache(maxCachedBytes, (bytes) => bytes.length);
    const reader = new ArrowReader(input, layout, file.name);
    for (const message of layout.messages) await reader.add(message, new ArrowBody(file, message, cache));
    return reader.finish();
  } catch (error) {
    throw arrowProblem(file.name, error);
  }
}

interface Batch {
  /** Row of the file that is its first. */
  readonly start: number;
  /** One column, or left and right. */
  readonly images: readonly BatchImages[];
}

class ArrowReader {
  readonly #input: ReaderInput;
  readonly #layout: ArrowLayout;
  readonly #file: string;
  readonly #columns: FoundColumns;
  readonly #images: readonly string[];
  readonly #texts: readonly string[];
  readonly #dictionaries = new Map<number, unknown[]>();
  readonly #store = new RowStore();
  /** The file's row number of each row that is kept. */
  readonly #fileRow = growableUint32();
  readonly #batches: Batch[] = [];
  readonly #total: number;
  #rows = 0;

  constructor(input: ReaderInput, layout: ArrowLayout, file: string) {
    const names = layout.fields.map(({ name }) => name);
    checkNamedColumns(file, names, input.columns);
    this.#input = input;
    this.#layout = layout;
    this.#file = file;
    this.#columns = findColumns((name) => names.includes(name), input.columns);
    this.#images = imageColumns(file, names, this.#columns);
    for (const name of this.#images) checkImageField(file, this.#field(name));
    this.#texts = textColumns(this.#columns, input.split, (name) => {
      const { kind } = this.#field(name).type;
      return kind === "text" || kind === "text view";
    });
    this.#total = layout.messages.reduce(
      (sum, { batch, dictionary }) => sum + (dictionary === undefined ? batch.rows : 0),
      0,
    );
  }

  async add(message: ArrowMessage, body: ArrowBody): Promise<void> {
    if (message.dictionary !== undefined) return this.#addDictionary(message, body);
    const { rows } = message.batch;
    if (this.#rows + rows >= 2 ** 32) {
      const hint = "Split the file";
      throw new InputError({
        code: "file-too-large",
        where: this.#file,
        expected: "fewer than 2^32 rows",
        found: `${this.#rows + rows}`,
        hint,
      });
    }
    const columns = batchColumns(body, this.#layout.fields, message.batch);
    const column = (name: string) => columns[this.#layout.fields.findIndex((field) => field.name === name)]!;
    const images: BatchImages[] = [];
    for (const name of this.#images) images.push(await batchImages(column(name)));
    const texts = this.#texts.map(column);
    for (let from = 0; from < rows; from += window) {
      this.#input.signal?.throwIfAborted();
      await this.#addRows(texts, images, from, Math.min(rows, from + window));
      this.#input.onProgress(this.#rows + Math.min(rows, from + window), this.#total);
    }
    if (rows > 0) this.#batches.push({ start: this.#rows, images });
    this.#rows += rows;
  }

  finish(): Dataset {
    this.#input.counts.add("repeatedCaptions", undefined, this.#store.repeatedCaptions);
    const starts = this.#batches.map(({ start }) => start);
    const compressed = this.#batches.some(({ images }) => images.some(({ isCompressed }) => isCompressed));
    const blocks = this.#blocks(starts);
    return tableDataset({
      name: this.#input.name,
      store: this.#store,
      blocks: compressed ? blocks : undefined,
      images: (row) => {
        const fileRow = this.#fileRow.at(row);
        const batch = this.#batches[lastAtMost(starts, fileRow)]!;
        return batch.images.map((images, i): ImageSource => {
          const name = `${this.#file}, row ${fileRow}, column ${JSON.stringify(this.#images[i])}`;
          return { name, read: async () => images.read(fileRow - batch.start, name) };
        });
      },
    });
  }

  #field(name: string): ArrowField {
    return this.#layout.fields.find((field) => field.name === name)!;
  }

  async #addRows(
    texts: readonly ArrowColumn[],
    images: readonly BatchImages[],
    from: number,
    to: number,
  ): Promise<void> {
    const { counts } = this.#input;
    const values: unknown[][] = [];
    for (const column of texts) values.push(await columnValues(column, from, to, this.#dictionaries));
    for (let row = from; row < to; row++) {
      const record = Object.fromEntries(this.#texts.map((name, i) => [name, values[i]![row - from]]));
      const where = () => `${this.#file}, row ${this.#rows + row}`;
      const row_ = new RowValues(this.#columns, record, where, counts);
      if (!this.#input.split.keeps(row_.get("split"))) continue;
      counts.add("records");
      const found = rowTexts(row_, images.length === 2);
      if (!hasTexts(found)) {
        const hasImage = images.some((column) => column.has(row));
        counts.add(hasImage ? "recordsWithoutText" : "emptyRecords", where);
        if (!hasImage) continue;
      }
      this.#fileRow.push(this.#rows + row);
      this.#store.add(found);
    }
  }

  /** A later dictionary replaces an earlier one or is appended to it. */
  async #addDictionary({ batch, dictionary }: ArrowMessage, body: ArrowBody): Promise<void> {
    const { id, isDelta } = dictionary!;
    const field = this.#texts.map((name) => withDictionary(this.#field(name), id)).find((found) => found !== undefined);
    if (field === undefined) return;
    const { dictionary: _, ...values } = field;
    const [column] = batchColumns(body, [values], batch);
    const words = await columnValues(column!, 0, column!.length, this.#dictionaries);
    this.#dictionaries.set(id, isDelta ? [...(this.#dictionaries.get(id) ?? []), ...words] : words);
  }

  /** First rows of the batches, counted in rows that are kept. */
  #blocks(starts: readonly number[]): number[] {
    const blocks: number[] = [];
    let previous = -1;
    for (let row = 0; row < this.#fileRow.length; row++) {
      const batch = lastAtMost(starts, this.#fileRow.at(row));
      if (batch !== previous) blocks.push(row);
      previous = batch;
    }
    return blocks;
  }
}

/** The field, or one inside it, whose values are in this dictionary. */
function withDictionary(field: ArrowField, id: number): ArrowField | undefined {
  if (field.dictionary?.id === id) return field;
  for (const child of field.children) {
    const found = withDictionary(child, id);
    if (found !== undefined) return found;
  }
  return undefined;
}
