/**
 * The changes of one image, as plain data. All random choices are already made, so applying the steps twice gives the same bits.
 * `stages.ts` makes the choices.
 */
import { type RawImage, resampleFilters, resizeImage } from "../../processing/index.js";
import { type OpencvOp, opencvOps } from "./opencv-ops.js";
import { type PillowOp, pillowOps } from "./pillow-ops.js";

/** A part of an image, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** One change of an image. */
export type Step =
  | ({ readonly step: "crop" } & Box)
  /** By Pillow's bicubic filter, in pixels. */
  | { readonly step: "resize"; readonly width: number; readonly height: number }
  | { readonly step: "flip" }
  | { readonly step: "pillow"; readonly op: PillowOp; readonly value: number }
  | { readonly step: "opencv"; readonly op: OpencvOp; readonly value: number };

/** The image after all steps in their order; the given image is not changed. */
export async function applySteps(image: RawImage, steps: readonly Step[]): Promise<RawImage> {
  let result = image;
  for (const step of steps) result = await applyStep(result, step);
  return result;
}

function applyStep(image: RawImage, step: Step): RawImage | Promise<RawImage> {
  switch (step.step) {
    case "crop":
      return crop(image, step);
    case "resize":
      return resizeImage(image, step.width, step.height, resampleFilters.bicubic);
    case "flip":
      return flip(image);
    case "pillow":
      return pillowOps[step.op](image, step.value);
    case "opencv":
      return opencvOps[step.op](image, step.value);
  }
}

/** The part of the image in the box, which is inside it. */
function crop(image: RawImage, { left, top, width, height }: Box): RawImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const source = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(source, source + width * 3), y * width * 3);
  }
  return { width, height, data };
}

/** Left and right exchanged. */
function flip({ width, height, data }: RawImage): RawImage {
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < height; y++) {
    let from = (y + 1) * width * 3 - 3;
    for (let x = 0; x < width; x++, to += 3, from -= 3) {
      out[to] = data[from]!;
      out[to + 1] = data[from + 1]!;
      out[to + 2] = data[from + 2]!;
    }
  }
  return { width, height, data: out };
}
