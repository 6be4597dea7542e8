/** Parquet files, including those of Hugging Face: texts are read into memory, images page by page on demand. */

import type { Dataset, ImageSource } from "../../dataset.js";
import { growableUint32, lastAtMost } from "../packed-columns.js";
import { imageColumns, textColumns, checkNamedColumns, findColumns } from "../column-roles.js";
import { rowTexts } from "../row-texts.js";
import { hasTexts, RowStore } from "../row-store.js";
import { RowValues } from "../row-values.js";
import { type ReaderInput, tableDataset } from "../reader.js";
import { groupColumn } from "./parquet-columns.js";
import { readParquetLayout } from "./parquet-file.js";
import { ParquetImages } from "./parquet-images.js";
import { elementName } from "./parquet-pages.js";

/**
 * All rows of one Parquet file. A missing image is an error when it is read. `blocks` are the row groups.
 * @throws InputError naming file and column for damage, columns of other types, or none with images
 */
export async function openParquet(input: ReaderInput): Promise<Dataset> {
  const file = await input.files.add(input.paths[0]!);
  const layout = await readParquetLayout(file);
  const names = layout.columns.map(({ element }) => element.name);
  checkNamedColumns(file.name, names, input.columns);
  const columns = findColumns((name) => names.includes(name), input.columns);
  const column = (name: string) => layout.columns.find(({ element }) => element.name === name)!;
  const imageNames = imageColumns(file.name, names, columns);
  const images = imageNames.map((name) => new ParquetImages(file, layout, column(name)));
  const isText = (name: string) => elementName(column(name).element) === "text";
  const texts = textColumns(columns, input.split, isText).map(column);

  const { counts } = input;
  const store = new RowStore();
  const fileRow = growableUint32();
  const blocks: number[] = [];
  for (const group of layout.groups) {
    input.signal?.throwIfAborted();
    const values: (readonly [string, ArrayLike<unknown>])[] = [];
    for (const text of texts) values.push([text.element.name, await groupColumn(file, layout, group, text)]);
    const first = store.rows;
    for (let row = 0; row < group.rows; row++) {
      const record = Object.fromEntries(values.map(([name, list]) => [name, list[row]]));
      const where = () => `${file.name}, row ${group.start + row}`;
      const found = new RowValues(columns, record, where, counts);
      if (!input.split.keeps(found.get("split"))) continue;
      counts.add("records");
      const textsOfRow = rowTexts(found, images.length === 2);
      if (!hasTexts(textsOfRow)) counts.add("recordsWithoutText", where);
      fileRow.push(group.start + row);
      store.add(textsOfRow);
    }
    if (store.rows > first) blocks.push(first);
    input.onProgress(group.start + group.rows, layout.rows);
  }

  counts.add("repeatedCaptions", undefined, store.repeatedCaptions);
  const starts = layout.groups.map(({ start }) => start);
  return tableDataset({
    name: input.name,
    store,
    blocks,
    images: (row) => {
      const at = fileRow.at(row);
      const group = layout.groups[lastAtMost(starts, at)]!;
      return images.map((source, i): ImageSource => {
        const name = `${file.name}, row ${at}, column ${JSON.stringify(imageNames[i])}`;
        return { name, read: () => source.read(group, at - group.start, name) };
      });
    },
  });
}
