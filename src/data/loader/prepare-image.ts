/** The work of one thread of the loader, and the messages that it exchanges with the main thread. */
import { InputError, type InputProblem } from "../../errors.js";
import { decodeImage } from "../../processing/index.js";
import { type Label, Random } from "../../random/index.js";
import { type Transform, transformToLevels } from "../transforms/transform-image.js";

/** One image to decode and transform, with the random stream of its transform. */
export interface ImageCall {
  readonly call: "prepare";
  /** Its name in errors. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly transform: Transform;
  readonly seed: number;
  readonly labels: readonly Label[];
}

export type ImageAnswer =
  /** [3, height, width] */
  | { readonly shape: readonly number[]; readonly levels: Uint8Array<ArrayBuffer> }
  /** The image is broken. */
  | { readonly problem: InputProblem }
  /** An error of the program. */
  | { readonly error: string };

export type ImageReply = ImageAnswer & { readonly id: number };

/** Decodes and transforms one image. Errors are returned in the answer. */
export async function prepareImage(call: ImageCall): Promise<ImageAnswer> {
  try {
    const { bytes, name } = call;
    const decoded = await decodeImage(bytes, { name });
    const random = new Random(call.seed, ...call.labels);
    const { shape, data } = await transformToLevels({ ...decoded, name }, call.transform, random);
    // The new tensor does not share its memory, so it can be transferred.
    return { shape, levels: data as Uint8Array<ArrayBuffer> };
  } catch (cause) {
    if (cause instanceof InputError) return { problem: cause.toJSON() };
    return { error: cause instanceof Error ? cause.message : String(cause) };
  }
}
