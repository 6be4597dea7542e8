/** RandAugment and BLIP's RandomAugment: which operations change an image, and how strongly. */
import { type OpencvOp, opencvOps } from "./opencv-ops.js";
import { type PillowOp, pillowOps } from "./pillow-ops.js";
import type { Random } from "../../random/index.js";
import type { Step } from "./steps.js";

/** The random numbers that a transform samples. */
export type RandomSource = Pick<Random, "uniform" | "below">;

interface Range {
  /** The value at strength 0, and the difference at full strength. */
  readonly from: number;
  readonly span: number;
  /** Negated with probability 1/2. */
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
 * `count` operations, sampled uniformly from the 14 with replacement; `magnitude` 0..30 sets how strong they are.
 * RandAugment (Cubuk et al., CVPRW 2020) as in METER and BridgeTower.
 */
export function pillowAugmentation(count: number, magnitude: number, random: RandomSource): readonly Step[] {
  return Array.from({ length: count }, () => {
    const op = sample(namesOf(pillowOps), random);
    return { step: "pillow", op, value: valueOf(pillowRanges[op], magnitude / 30, random) };
  });
}

/**
 * `count` operations, sampled uniformly from the ten, each applied with probability 1/2; `level` 0..10 sets their strength. BLIP's
 * `RandomAugment`. At level 5, brightness and sharpness change nothing.
 */
export function opencvAugmentation(count: number, level: number, random: RandomSource): readonly Step[] {
  return Array.from({ length: count }, () => sample(namesOf(opencvOps), random))
    .filter(() => random.uniform() < 0.5)
    .map((op) => ({ step: "opencv", op, value: valueOf(opencvRanges[op], level / 10, random) }));
}

function valueOf({ from, span, signed }: Range, strength: number, random: RandomSource): number {
  const value = strength * span + from;
  return signed && random.uniform() < 0.5 ? -value : value;
}

// Object.keys is typed as strings; the tables have only these keys.
const namesOf = <Name extends string>(table: Readonly<Record<Name, unknown>>) => Object.keys(table) as Name[];

const sample = <T>(values: readonly T[], random: RandomSource): T => values[random.below(values.length)]!;
