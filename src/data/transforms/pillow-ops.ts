/** The operations of RandAugment, by the names that its list gives them. */
import type { RawImage } from "../../processing/index.js";
import { rotate, shearX, shearY, translateX, translateY } from "./pillow-affine.js";
import { brightness, color, contrast, sharpness } from "./pillow-enhance.js";
import { autoContrast, posterize, solarize, solarizeAdd } from "./pillow-levels.js";
import { equalize } from "./image-levels.js";

/** By name: the image changed, and how strongly. Operations without a strength ignore the value. */
export const pillowOps = {
  AutoContrast: autoContrast,
  Equalize: equalize,
  Rotate: rotate,
  Posterize: posterize,
  Solarize: solarize,
  SolarizeAdd: solarizeAdd,
  Color: color,
  Contrast: contrast,
  Brightness: brightness,
  Sharpness: sharpness,
  ShearX: shearX,
  ShearY: shearY,
  TranslateX: translateX,
  TranslateY: translateY,
} satisfies Readonly<Record<string, (image: RawImage, value: number) => RawImage>>;

export type PillowOp = keyof typeof pillowOps;
