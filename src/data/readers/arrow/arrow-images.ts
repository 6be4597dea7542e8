/** The images of one batch by their position in the file, so that each can be read alone. */

import { dirname } from "node:path";

import { InputError } from "../../../errors.js";
import { readNamedImage } from "../image-file.js";
import { maxImageBytes } from "../reader.js";
import { type ArrowColumn, bitAt, offsetsOf, validity, type ViewRange, viewsOf } from "./arrow-columns.js";
import { type ArrowField, type ArrowType, typeName } from "./arrow-schema.js";
import { columnValues } from "./arrow-values.js";

/** A column of images in one batch. Rows are those of the batch. */
export interface BatchImages {
  /** Whether reading one image decompresses the whole batch. */
  readonly isCompressed: boolean;
  readonly has: (row: number) => boolean;
  /** @param where file, row and column, for errors */
  readonly read: (row: number, where: string) => Promise<Uint8Array>;
}

const isBinary = ({ kind }: ArrowType): boolean => kind === "binary" || kind === "binary view";
const isText = ({ kind }: ArrowType): boolean => kind === "text" || kind === "text view";

/** @throws InputError if the column is neither binary nor text nor a struct with bytes or a path, as Hugging Face writes it */
export function checkImageField(where: string, field: ArrowField): void {
  const isImage =
    field.type.kind === "struct"
      ? field.children.some(isBytes) || field.children.some(isPath)
      : (isBinary(field.type) || isText(field.type)) && field.dictionary === undefined;
  if (isImage) return;
  throw new InputError({
    code: "invalid-dataset",
    where: `${where}, column ${JSON.stringify(field.name)}`,
    expected: "images: binary, text with the paths of files, or struct<bytes: binary, path: text>",
    found: field.dictionary === undefined ? typeName(field) : `${typeName(field)} in a dictionary`,
    hint: "Write the bytes of the images into the column, or name their column in the settings",
  });
}

const isBytes = ({ name, type, dictionary }: ArrowField) =>
  name === "bytes" && isBinary(type) && dictionary === undefined;
const isPath = ({ name, type, dictionary }: ArrowField) => name === "path" && isText(type) && dictionary === undefined;

/** @param column one that `checkImageField` has passed */
export async function batchImages(column: ArrowColumn): Promise<BatchImages> {
  const rows = column.length;
  const isStruct = column.type.kind === "struct";
  const [bytes, path] = isStruct
    ? [column.children.find(({ field }) => isBytes(field)), column.children.find(({ field }) => isPath(field))]
    : isText(column.type)
      ? [undefined, column]
      : [column, undefined];
  const present = isStruct ? await presence(column) : () => true;
  const [hasBytes, hasPath] = [await presence(bytes), await presence(path)];
  const located = bytes === undefined ? undefined : await locate(bytes, rows);
  return {
    isCompressed: located?.isCompressed === true,
    has: (row) => present(row) && (hasBytes(row) || hasPath(row)),
    read: async (row, where) => {
      if (present(row) && hasBytes(row)) return readImage(located!.rangeOf(row), where);
      if (present(row) && hasPath(row)) {
        const [name] = await columnValues(path!, row, row + 1, new Map());
        return readNamedImage(dirname(column.body.file.name), String(name), where);
      }
      const hint = "Leave the row out, or write its image into the file";
      throw new InputError({ code: "missing-data", where, expected: "an image", found: "none", hint });
    },
  };
}

/** Whether a row has a value; no row has, if there is no such column. */
async function presence(column: ArrowColumn | undefined): Promise<(row: number) => boolean> {
  if (column === undefined) return () => false;
  const bits = await validity(column, 0, column.length);
  return bits === undefined ? () => true : (row) => bitAt(bits, 0, row);
}

async function locate(
  column: ArrowColumn,
  rows: number,
): Promise<{ readonly isCompressed: boolean; readonly rangeOf: (row: number) => ViewRange }> {
  if (column.type.kind === "binary view") {
    const rangeOf = await viewsOf(column, 0, rows);
    const buffers = await Promise.all(
      Array.from({ length: column.viewBuffers + 1 }, (_, i) => column.body.buffer(column.buffer + 1 + i)),
    );
    return { isCompressed: buffers.some(({ isCompressed }) => isCompressed), rangeOf };
  }
  const data = await column.body.buffer(column.buffer + 2);
  const offsets = await offsetsOf(column, column.type.kind === "binary" && column.type.wide, 0, rows, data.length);
  const rangeOf = (row: number) => ({ buffer: data, start: offsets[row]!, length: offsets[row + 1]! - offsets[row]! });
  return { isCompressed: data.isCompressed, rangeOf };
}

async function readImage({ buffer, start, length }: ViewRange, where: string): Promise<Uint8Array> {
  if (length <= maxImageBytes) return buffer.read(start, length);
  const expected = `an image of at most ${maxImageBytes} bytes`;
  throw new InputError({
    code: "image-too-large",
    where,
    expected,
    found: `${length} bytes`,
    hint: "Make it smaller or leave it out",
  });
}
