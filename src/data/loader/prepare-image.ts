import { InputError } from "../../errors.js";
import { decodeImage } from "../../processing/index.js";
import { Random } from "../../random/index.js";
import { transformImage } from "../transforms/index.js";
import type { ImageAnswer, ImageCall } from "./image-messages.js";

/** What a thread does with one image: decodes it and transforms it. It never fails, but answers why it could not. */
export async function prepareImage(call: ImageCall): Promise<ImageAnswer> {
  try {
    const { bytes, name, size } = call;
    const decoded = size === undefined ? await decodeImage(bytes, { name }) : { ...size, data: bytes };
    const random = new Random(call.seed, ...call.labels);
    const { shape, data } = transformImage({ ...decoded, name }, call.transform, random);
    // A tensor just made has memory of its own, which can be moved.
    return { shape, values: data as Float32Array<ArrayBuffer> };
  } catch (cause) {
    if (cause instanceof InputError) return { problem: cause.toJSON() };
    return { error: cause instanceof Error ? cause.message : String(cause) };
  }
}
