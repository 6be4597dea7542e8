/**
 * What is done to one picture, as plain data: every random choice is made, so doing the steps again gives the same bits.
 * Only `stages.ts` draws.
 */
import { type Picture, resampleFilters, resizePicture } from "../../processing/index.js";
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

/** The picture after all steps in their order; the one given is left as it was. */
export function applySteps(picture: Picture, steps: readonly Step[]): Picture {
  return steps.reduce(applyStep, picture);
}

function applyStep(picture: Picture, step: Step): Picture {
  switch (step.step) {
    case "crop":
      return crop(picture, step);
    case "resize":
      return resizePicture(picture, step.width, step.height, resampleFilters.bicubic);
    case "flip":
      return flip(picture);
    case "pillow":
      return pillowOps[step.op](picture, step.value);
    case "opencv":
      return opencvOps[step.op](picture, step.value);
  }
}
