/** Which operations change an image, and how strongly: the draws of RandAugment and of BLIP's RandomAugment. */
import { type OpencvOp, opencvOps } from "./opencv-ops.js";
import { type PillowOp, pillowOps } from "./pillow-ops.js";
import type { Source } from "./random-resized-crop.js";
import type { Step } from "./steps.js";

interface Range {
  /** The value at strength 0, and what full strength adds. */
  readonly from: number;
  readonly span: number;
  /** Negated in half of the draws. */
  readonly signed: boolean;
}

const withoutStrength: Range = { from: 0, span: 1, signed: false };
const factor: Range = { from: 0.1, span: 1.8, signed: false };

const pillowRanges: Readonly<Record<PillowOp, Range>> = {
  AutoContrast: withoutStrength,
  Equalize: withoutStrength,
  Rotate: { from: 0, span: 30, signed: true },
  Posterize: { from: 0, span: 4, signed: false },
  Solarize: { from: 0, span: 256, signed: false },
  SolarizeAdd: { from: 0, span: 110, signed: false },
  Color: factor,
  Contrast: factor,
  Brightness: factor,
  Sharpness: factor,
  ShearX: { from: 0, span: 0.3, signed: true },
  ShearY: { from: 0, span: 0.3, signed: true },
  TranslateX: { from: 0, span: 100, signed: true },
  TranslateY: { from: 0, span: 100, signed: true },
};

const opencvRanges: Readonly<Record<OpencvOp, Range>> = {
  Identity: withoutStrength,
  AutoContrast: withoutStrength,
  Brightness: factor,
  Sharpness: factor,
  Equalize: withoutStrength,
  ShearX: { from: 0, span: 0.3, signed: true },
  ShearY: { from: 0, span: 0.3, signed: true },
  TranslateX: { from: 0, span: 10, signed: true },
  TranslateY: { from: 0, span: 10, signed: true },
  Rotate: { from: 0, span: 30, signed: true },
};

/**
 * `count` operations, each of the 14 equally likely and as often as it is drawn; `magnitude` 0..30 sets how strong they are.
 * RandAugment (Cubuk et al., CVPRW 2020) as METER and BridgeTower have it.
 */
export function pillowAugmentation(count: number, magnitude: number, random: Source): readonly Step[] {
  return Array.from({ length: count }, () => {
    const op = pick(namesOf(pillowOps), random);
    return { step: "pillow", op, value: valueOf(pillowRanges[op], magnitude / 30, random) };
  });
}

/**
 * `count` operations, each of the ten equally likely, and each done in half of the draws; `level` 0..10 sets how strong
 * they are. BLIP's `RandomAugment`. At level 5, brightness and sharpness change nothing.
 */
export function opencvAugmentation(count: number, level: number, random: Source): readonly Step[] {
  return Array.from({ length: count }, () => pick(namesOf(opencvOps), random))
    .filter(() => random.uniform() < 0.5)
    .map((op) => ({ step: "opencv", op, value: valueOf(opencvRanges[op], level / 10, random) }));
}

function valueOf({ from, span, signed }: Range, strength: number, random: Source): number {
  const value = strength * span + from;
  return signed && random.uniform() < 0.5 ? -value : value;
}

// Object.keys knows only strings; the tables have no other keys than these.
const namesOf = <Name extends string>(table: Readonly<Record<Name, unknown>>) => Object.keys(table) as Name[];

const pick = <T>(values: readonly T[], random: Source): T => values[random.below(values.length)]!;
