/** What both formats of torch.save have in common: a pickle, and storages by key. */
import type { DType } from "../graph/index.js";
import type { ZipEntry } from "./zip.js";

export interface TorchArchive {
  /** The file, and the entry that holds the pickle, for errors. */
  readonly where: string;
  readonly pickle: Uint8Array;
  /** The bytes of the storage with this key. */
  readonly storage: (key: string) => ZipEntry | undefined;
}

/** Maximum length of the pickle, in bytes. */
export const maxPickle = 64 * 2 ** 20;

/** Classes of storages, and the type of their elements. */
export const storageDTypes: ReadonlyMap<string, DType> = new Map([
  ["torch.FloatStorage", "float32"],
  ["torch.HalfStorage", "float16"],
  ["torch.BFloat16Storage", "bfloat16"],
  ["torch.DoubleStorage", "float64"],
  ["torch.LongStorage", "int64"],
  ["torch.IntStorage", "int32"],
  ["torch.ShortStorage", "int16"],
  ["torch.CharStorage", "int8"],
  ["torch.ByteStorage", "uint8"],
  ["torch.BoolStorage", "bool"],
  // Counted in bytes; the type comes with the call that rebuilds the tensor.
  ["torch.storage.UntypedStorage", "uint8"],
]);
