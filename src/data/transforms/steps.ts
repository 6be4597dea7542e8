/**
 * What is done to one image, as plain data: every random choice is made, so doing the steps again gives the same bits.
 * Only `stages.ts` draws.
 */
import { type RawImage, resampleFilters, resizeImage } from "../../processing/index.js";
import { type Box, crop, flip } from "./crop.js";
import { type OpencvOp, opencvOps } from "./opencv-ops.js";
import { type PillowOp, pillowOps } from "./pillow-ops.js";

export type Step =
  | ({ readonly step: "crop" } & Box)
  /** By Pillow's bicubic filter, in pixels. */
  | { readonly step: "resize"; readonly width: number; readonly height: number }
  | { readonly step: "flip" }
  | { readonly step: "pillow"; readonly op: PillowOp; readonly value: number }
  | { readonly step: "opencv"; readonly op: OpencvOp; readonly value: number };

/** The image after all steps in their order; the one given is left as it was. */
export function applySteps(image: RawImage, steps: readonly Step[]): RawImage {
  return steps.reduce(applyStep, image);
}

function applyStep(image: RawImage, step: Step): RawImage {
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
