/** The images of one batch by their position in the file, so that each can be read alone. */

import { InputError } from "../../../errors.js";
import { maxImageBytes } from "../reader.js";
import type { OpenBuffer } from "./arrow-body.js";
import { type ArrowColumn, bitAt, offsetsOf, validity } from "./arrow-columns.js";
import { type ArrowField, typeName } from "./arrow-schema.js";

/** A column of images in one batch. Rows are those of the batch. */
export interface BatchImages {
  /** Whether reading one image decompresses the whole batch. */
  readonly isCompressed: boolean;
  readonly has: (row: number) => boolean;
  /** @param where file, row and column, for errors */
  readonly read: (row: number, where: string) => Promise<Uint8Array>;
}

/** @throws InputError if the column is neither binary nor a struct with bytes, as Hugging Face writes it */
export function checkImageField(where: string, field: ArrowField): void {
  const bytes = field.type.kind === "struct" ? field.children.find(({ name }) => name === "bytes") : field;
  if (bytes?.type.kind === "binary" && bytes.dictionary === undefined) return;
  throw new InputError({
    code: "invalid-dataset",
    where: `${where}, column ${JSON.stringify(field.name)}`,
    expected: "images: binary, or struct<bytes: binary, path: text>",
    found: typeName(field),
    hint: "Write the bytes of the images into the column, or name their column in the settings",
  });
}

/** @param column one that `checkImageField` has passed */
export async function batchImages(column: ArrowColumn): Promise<BatchImages> {
  const rows = column.length;
  const bytes = column.type.kind === "struct" ? column.children.find(({ field }) => field.name === "bytes")! : column;
  const presence = [await validity(column, 0, rows), bytes === column ? undefined : await validity(bytes, 0, rows)];
  const data = await bytes.body.buffer(bytes.buffer + 2);
  const wide = bytes.type.kind === "binary" && bytes.type.wide;
  const offsets = await offsetsOf(bytes, wide, 0, rows, data.length);
  const has = (row: number) => presence.every((bits) => bits === undefined || bitAt(bits, 0, row));
  return {
    isCompressed: data.isCompressed,
    has,
    read: (row, where) => {
      if (has(row)) return readImage(data, offsets[row]!, offsets[row + 1]!, where);
      const hint = "Leave the row out, or write its image into the file";
      throw new InputError({ code: "missing-data", where, expected: "an image", found: "none", hint });
    },
  };
}

async function readImage(data: OpenBuffer, start: number, end: number, where: string): Promise<Uint8Array> {
  if (end - start <= maxImageBytes) return data.read(start, end - start);
  const expected = `an image of at most ${maxImageBytes} bytes`;
  throw new InputError({
    code: "image-too-large",
    where,
    expected,
    found: `${end - start} bytes`,
    hint: "Make it smaller or leave it out",
  });
}
