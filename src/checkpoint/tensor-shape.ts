/** Shapes and lengths from files: whole numbers, few axes, and products that a double still holds exactly. */

import { InputError, shortJson } from "../errors.js";
import { type DType, dtypes } from "../graph/index.js";

/** PyTorch and NumPy stop at 64 as well. */
const maxAxes = 64;

/** The value as a shape; InputError at `where` unless it is a list of at most 64 whole numbers >= 0. */
export function checkedShape(where: string, value: unknown): readonly number[] {
  if (!Array.isArray(value)) {
    throw new InputError({
      code: "corrupt-file",
      where,
      expected: "a shape: a list of sizes",
      found: `a ${typeof value}`,
    });
  }
  if (value.length > maxAxes) {
    throw new InputError({
      code: "corrupt-file",
      where,
      expected: `at most ${maxAxes} dimensions`,
      found: String(value.length),
    });
  }
  return value.map((size: unknown) => {
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
      const found = shortJson(size, 60);
      throw new InputError({ code: "corrupt-file", where, expected: "sizes that are whole numbers, 0 or more", found });
    }
    return size;
  });
}

/** shape × bytes of an element; InputError at `where` when no file can be that long. */
export function checkedByteLength(where: string, dtype: DType, shape: readonly number[]): number {
  const length = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, dtypes[dtype].bytes);
  if (!Number.isSafeInteger(length)) {
    throw new InputError({
      code: "corrupt-file",
      where,
      expected: "a shape that fits in a file",
      found: `[${shape.join(", ")}]`,
    });
  }
  return length;
}
