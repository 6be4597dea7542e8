/** The decoder of masked words in files whose config.json says that it is the matrix of word embeddings. */
import { readTensor } from "../checkpoint/index.js";
import { dtypes, elementCount, sameShape, toFloat32, type StoredTensor } from "../graph/index.js";
import { tiedDecoder } from "../model/index.js";

/** What `keepsFileDecoder` means for the user, in a few words. */
export const fileDecoderNote =
  `used ${tiedDecoder.decoder} of the file, which differs from the word embeddings although tie_word_embeddings is true ` +
  "in config.json";

/**
 * Whether the config ties the decoder to the word embeddings, but the file has a different decoder. It is then used, as transformers 5.23
 * does. Reads both matrices, up to the first difference.
 * @param config the content of config.json, or the parsed one
 * @param find   a tensor of the file by our name
 */
export async function keepsFileDecoder(
  config: { readonly tie_word_embeddings?: unknown },
  find: (name: string) => StoredTensor | undefined,
): Promise<boolean> {
  const decoder = find(tiedDecoder.decoder);
  const embeddings = find(tiedDecoder.wordEmbeddings);
  if (config.tie_word_embeddings !== true || decoder === undefined || embeddings === undefined) return false;
  return sameShape(decoder.shape, embeddings.shape) && !(await haveSameValues(decoder, embeddings));
}

/** Elements that are compared at once. */
const pieceLength = 2 ** 20;

async function haveSameValues(a: StoredTensor, b: StoredTensor): Promise<boolean> {
  if (isSamePlace(a, b)) return true;
  const count = elementCount(a.shape);
  for (let start = 0; start < count; start += pieceLength) {
    const end = Math.min(count, start + pieceLength);
    const [x, y] = await Promise.all([a, b].map(async (one) => toFloat32(await readTensor(pieceOf(one, start, end)))));
    if (!x!.every((value, i) => Object.is(value, y![i]))) return false;
  }
  return true;
}

/** torch.save writes the values of tied parameters once. */
const isSamePlace = ({ data: a }: StoredTensor, { data: b }: StoredTensor): boolean =>
  a === b || (!(a instanceof Uint8Array) && !(b instanceof Uint8Array) && a.path === b.path && a.offset === b.offset);

function pieceOf({ dtype, data }: StoredTensor, start: number, end: number): StoredTensor {
  const { bytes } = dtypes[dtype];
  const [offset, length] = [start * bytes, (end - start) * bytes];
  return {
    dtype,
    shape: [end - start],
    data:
      data instanceof Uint8Array
        ? data.subarray(offset, offset + length)
        : { path: data.path, offset: data.offset + offset, length },
  };
}
