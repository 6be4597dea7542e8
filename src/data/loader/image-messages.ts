/** What the main thread and the threads that prepare images say to each other. */
import type { InputProblem } from "../../errors.js";
import type { Label } from "../../random/index.js";
import type { Transform } from "../transforms/index.js";

/** One image to decode and transform, with the stream that its transform draws from. */
export interface ImageCall {
  readonly call: "prepare";
  /** What errors call it. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where the bytes are no file but the pixels of an image, RGB: its size. */
  readonly size?: { readonly width: number; readonly height: number };
  readonly transform: Transform;
  readonly seed: number;
  readonly labels: readonly Label[];
}

export type ImageAnswer =
  /** [3, height, width] */
  | { readonly shape: readonly number[]; readonly values: Float32Array<ArrayBuffer> }
  /** The image's own fault. */
  | { readonly problem: InputProblem }
  /** The program's. */
  | { readonly error: string };

export type ImageReply = ImageAnswer & { readonly id: number };
