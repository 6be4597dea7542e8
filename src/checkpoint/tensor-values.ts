/** Reads the values of a stored tensor. */

import { withFile } from "../files/index.js";
import { InputError } from "../errors.js";
import { type DType, dtypes, HostTensor, type StoredTensor } from "../graph/index.js";

/**
 * A copy of the tensor with its values in memory, in the type they are stored in (float16 and bfloat16 as bit patterns).
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

function typedView(dtype: DType, bytes: Uint8Array): HostTensor["data"] {
  const { array, bytes: size } = dtypes[dtype];
  return new array(bytes.buffer as ArrayBuffer, 0, bytes.length / size);
}
