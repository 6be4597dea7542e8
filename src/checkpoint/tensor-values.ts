/** From stored tensors to values: reading a tensor's bytes, and half precision to float32. */

import { withFile } from "../files/index.js";
import { InputError } from "../errors.js";
import { type DType, dtypes, HostTensor, type StoredTensor } from "../graph/index.js";

/**
 * The tensor with its values in memory of their own, in the type they are stored in (float16 and bfloat16 as bit patterns).
 * @throws InputError when the file has gone or shrunk since the checkpoint was opened.
 */
export async function readTensor({ dtype, shape, data }: StoredTensor): Promise<HostTensor> {
  // A copy in either case: typed arrays need their own alignment, which bytes in a file or a view do not promise.
  const bytes =
    data instanceof Uint8Array
      ? Uint8Array.from(data)
      : await withFile(data.path, (file) => {
          if (file.size >= data.offset + data.length) return file.read(data.offset, data.length);
          throw new InputError({
            code: "corrupt-file",
            where: data.path,
            expected: `at least ${data.offset + data.length} bytes`,
            found: `${file.size}: the file has changed since it was opened`,
            hint: "Load the model again",
          });
        });
  return new HostTensor(dtype, shape, typedView(dtype, bytes));
}

/**
 * The values as float32: float16 and bfloat16 exactly (subnormals, infinities and NaN included), everything else to the
 * nearest float32. A float32 tensor gives its own array, not a copy.
 */
export function toFloat32({ dtype, data }: HostTensor): Float32Array {
  if (data instanceof Float32Array) return data;
  if (dtype === "bfloat16") return mapBits(data, (bits) => bits << 16);
  if (dtype === "float16") return mapBits(data, float32BitsOfHalf);
  return Float32Array.from(data, Number);
}

function typedView(dtype: DType, bytes: Uint8Array): HostTensor["data"] {
  const { array, bytes: size } = dtypes[dtype];
  return new array(bytes.buffer as ArrayBuffer, 0, bytes.length / size);
}

function mapBits(halves: HostTensor["data"], convert: (bits: number) => number): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = convert(Number(halves[i]));
  return new Float32Array(bits.buffer);
}

/** IEEE 754 binary16 to binary32: 5 exponent bits of bias 15 become 8 of bias 127, 10 fraction bits become 23. */
function float32BitsOfHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal half is a normal float32: shift its leading one out of the fraction.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
