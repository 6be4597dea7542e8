/** Layouts of scenes: the facts, and the position of every thing. Lengths are shares of the edge. */
import type { Random } from "bridgetower/learner";
import { type Background, drawBackground } from "./backgrounds/background.js";
import type { Casting, Usage } from "./casting.js";
import { between, chance, drawUntil, pick, pickByShare, sample } from "./draws.js";
import { type Facts, type Kind, kindShares, type Relation, relations, type Thing, zones } from "./facts.js";
import type { Sprite } from "./sprites/index.js";

export interface PlacedThing {
  readonly sprite: Sprite;
  /** The centre. */
  readonly x: number;
  readonly y: number;
  /** The edge of its square. */
  readonly size: number;
  /** Degrees, counter-clockwise. */
  readonly angle: number;
  readonly mirrored: boolean;
}

export interface Layout {
  readonly facts: Facts;
  readonly placed: readonly PlacedThing[];
}

/** The given parts of a layout. The rest is sampled. */
export interface LayoutRequest {
  readonly kind: Kind;
  readonly nouns: readonly number[];
}

/** Samples the layout of a scene. */
export function drawLayout(random: Random, casting: Casting, request: Partial<LayoutRequest> = {}): Layout {
  const kind = request.kind ?? drawKind(random, casting);
  const background = drawBackground(random);
  const nouns = request.nouns ?? drawNouns(random, casting, kind, background);
  return arrangements[kind](new Stage(random, casting, usageOf(kind)), { kind, background, nouns });
}

export function drawKind(random: Random, casting: Casting): Kind {
  const drawn = pickByShare(random, kindShares);
  return casting.split === "synonym" && drawn === "single" ? "pair" : drawn;
}

const kindSizes = { single: 1, pair: 2, size: 2, three: 3 } as const;

/** How texts use the words of this kind of scene. */
export function usageOf(kind: Kind): Usage {
  if (kind === "single") return "alone";
  return kind === "count" ? "counted" : "composed";
}

function drawNouns(random: Random, casting: Casting, kind: Kind, background: Background): number[] {
  const count = kind === "count" ? (chance(random, 0.45) ? 2 : 1) : kindSizes[kind];
  return casting.nouns(random, count, background, usageOf(kind));
}

/** Collects the things of a layout while it is sampled. */
class Stage {
  readonly placed: PlacedThing[] = [];

  constructor(
    readonly random: Random,
    readonly casting: Casting,
    private readonly usage: Usage,
  ) {}

  put(sprite: Sprite, x: number, y: number, size: number): void {
    const { random } = this;
    const angle = chance(random, 0.3) ? between(random, -20, 20) : 0;
    const [left, top] = [inside(x, size), inside(y, size)];
    this.placed.push({ sprite, x: left, y: top, size, angle, mirrored: chance(random, 0.3) });
  }

  putNoun(noun: number, x: number, y: number, size: number): void {
    this.put(this.casting.sprite(this.random, noun), x, y, size);
  }

  thing(noun: number): Thing {
    return { noun, word: this.casting.word(this.random, noun, this.usage) };
  }
}

interface Cast {
  readonly kind: Kind;
  readonly background: Background;
  readonly nouns: readonly number[];
}

type Arrangement = (stage: Stage, cast: Cast) => Layout;

const pairOf: Arrangement = (stage, { kind, background, nouns }) => {
  const { random } = stage;
  const [one, other] = [nouns[0]!, nouns[1]!];
  const relation = pick(random, relations);
  const contrast = kind === "size";
  const [first, second] = drawUntil("pair of squares", () => drawSquares(random, relation, contrast));
  stage.putNoun(one, ...first);
  stage.putNoun(other, ...second);
  const things = [stage.thing(one), stage.thing(other)] as const;
  return { facts: { kind: contrast ? "size" : "pair", background, things, relation }, placed: stage.placed };
};

type Square = readonly [x: number, y: number, size: number];

/** Two squares in this relation. Undefined if they do not fit on the canvas without overlap. */
function drawSquares(random: Random, relation: Relation, contrast: boolean): readonly [Square, Square] | undefined {
  const size = contrast ? between(random, 0.48, 0.58) : between(random, 0.3, 0.46);
  const otherSize = contrast ? between(random, 0.2, 0.28) : between(random, 0.3, 0.46);
  const touching = (size + otherSize) / 2;
  const distance = touching * between(random, 0.98, 1.12);
  // Within 24 degrees of the axis, so that "left of" is never "above".
  const slant = between(random, -0.45, 0.45) * distance;
  const [dx, dy] = offsets[relation](distance, slant);
  const [x, y] = [0.5 + between(random, -0.06, 0.06), 0.5 + between(random, -0.1, 0.1)];
  const first = [inside(x + dx / 2, size), inside(y + dy / 2, size), size] as const;
  const second = [inside(x - dx / 2, otherSize), inside(y - dy / 2, otherSize), otherSize] as const;
  const apart = Math.max(Math.abs(first[0] - second[0]), Math.abs(first[1] - second[1]));
  return apart < 0.98 * touching ? undefined : [first, second];
}

/** Moved inward if the square would cross the border. */
function inside(at: number, size: number): number {
  return Math.min(1 - size / 2, Math.max(size / 2, at));
}

/** From the second thing to the first one. */
const offsets: Readonly<Record<Relation, (distance: number, slant: number) => readonly [number, number]>> = {
  left: (distance, slant) => [-distance, slant],
  right: (distance, slant) => [distance, slant],
  above: (distance, slant) => [slant, -distance],
  below: (distance, slant) => [slant, distance],
};

const arrangements: Readonly<Record<Kind, Arrangement>> = {
  single: (stage, { background, nouns }) => {
    const { random } = stage;
    const noun = nouns[0]!;
    if (chance(random, 0.5)) {
      const size = between(random, 0.62, 0.97);
      stage.putNoun(noun, 0.5 + between(random, -0.1, 0.1), 0.5 + between(random, -0.1, 0.1), size);
      const facts = { kind: "single", background, things: [stage.thing(noun)] } as const;
      return { facts: size > 0.7 ? { ...facts, size: "big" } : facts, placed: stage.placed };
    }
    const size = between(random, 0.24, 0.42);
    const [column, row] = [random.below(3), random.below(3)];
    const at = (third: number) => [0.2, 0.5, 0.8][third]! + between(random, -0.04, 0.04);
    stage.putNoun(noun, at(column), at(row), size);
    const zone = zones[row]![column]!;
    const facts = { kind: "single", background, things: [stage.thing(noun)], zone } as const;
    return { facts: size < 0.33 ? { ...facts, size: "small" } : facts, placed: stage.placed };
  },
  pair: pairOf,
  size: pairOf,
  count: (stage, { background, nouns }) => {
    const { random, casting } = stage;
    const first = pick(random, [2, 2, 3, 3, 4, 5]);
    const wanted = nouns.length === 2 ? Math.min(pick(random, [1, 1, 2, 3]), 6 - first) : 0;
    const second = wanted > 1 && !casting.vocabulary.countable[nouns[1]!] ? 1 : wanted;
    const columns = first + second <= 4 && chance(random, 0.5) ? 2 : 3;
    const rows = columns === 2 || chance(random, 0.5) ? 2 : 3;
    const grid = Array.from({ length: columns * rows }, (_, i) => [i % columns, Math.floor(i / columns)] as const);
    const [width, height] = [1 / columns, 1 / rows];
    const largest = Math.min(width, height) * between(random, 0.72, 0.95);
    const alike = chance(random, 0.6) ? nouns.map((noun) => casting.sprite(random, noun)) : undefined;
    sample(random, grid, first + second).forEach(([column, row], i) => {
      const which = i < first ? 0 : 1;
      const size = largest * between(random, 0.85, 1);
      const x = (column + 0.5) * width + between(random, -0.5, 0.5) * (width - size);
      const y = (row + 0.5) * height + between(random, -0.5, 0.5) * (height - size);
      stage.put(alike?.[which] ?? casting.sprite(random, nouns[which]!), x, y, size);
    });
    const things = nouns.map((noun) => stage.thing(noun));
    const counts = second > 0 ? [first, second] : [first];
    return { facts: { kind: "count", background, things, counts }, placed: stage.placed };
  },
  three: (stage, { background, nouns }) => {
    const { random } = stage;
    const inRow = chance(random, 0.55);
    if (inRow) {
      const height = between(random, 0.25, 0.75);
      nouns.forEach((noun, i) => {
        const x = (i + 0.5) / 3 + between(random, -0.01, 0.01);
        stage.putNoun(noun, x, height + between(random, -0.06, 0.06), 0.31 * between(random, 0.85, 1));
      });
    } else {
      const quarters = sample(random, [0, 1, 2, 3], 3);
      nouns.forEach((noun, i) => {
        const size = between(random, 0.32, 0.45);
        const [x, y] = [0.25 + 0.5 * (quarters[i]! % 2), 0.25 + 0.5 * Math.floor(quarters[i]! / 2)];
        stage.putNoun(noun, x + between(random, -0.03, 0.03), y + between(random, -0.03, 0.03), size);
      });
    }
    const things = [stage.thing(nouns[0]!), stage.thing(nouns[1]!), stage.thing(nouns[2]!)] as const;
    return { facts: { kind: "three", background, things, inRow }, placed: stage.placed };
  },
};
