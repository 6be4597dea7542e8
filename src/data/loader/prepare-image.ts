import { InputError } from "../../errors.js";
import { decodePicture } from "../../processing/index.js";
import { Random } from "../../random/index.js";
import { transformPicture } from "../transforms/index.js";
import type { PictureAnswer, PictureCall } from "./image-messages.js";

/** What a thread does with one picture: decodes it and transforms it. It never fails, but answers why it could not. */
export async function preparePicture(call: PictureCall): Promise<PictureAnswer> {
  try {
    const { bytes, name, size } = call;
    const decoded = size === undefined ? await decodePicture(bytes, { name }) : { ...size, data: bytes };
    const random = new Random(call.seed, ...call.labels);
    const { shape, data } = transformPicture({ ...decoded, name }, call.transform, random);
    // A tensor just made has memory of its own, which can be moved.
    return { shape, values: data as Float32Array<ArrayBuffer> };
  } catch (cause) {
    if (cause instanceof InputError) return { problem: cause.toJSON() };
    return { error: cause instanceof Error ? cause.message : String(cause) };
  }
}
