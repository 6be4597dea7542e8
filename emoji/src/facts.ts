/** The facts of a scene, which captions, questions and statements are made from. */
import type { Background } from "./backgrounds/background.js";

export const relations = ["left", "right", "above", "below"] as const;
export type Relation = (typeof relations)[number];

export const inverse: Readonly<Record<Relation, Relation>> = {
  left: "right",
  right: "left",
  above: "below",
  below: "above",
};

/** Parts of the canvas, rows from the top. */
export const zones = [
  ["top left corner", "top", "top right corner"],
  ["left", "center", "right"],
  ["bottom left corner", "bottom", "bottom right corner"],
] as const;
export type Zone = (typeof zones)[number][number];

/** A noun, and the word that texts use for it. */
export interface Thing {
  /** Its number in the vocabulary. */
  readonly noun: number;
  readonly word: string;
}

/** Shares of the kinds among scenes. */
export const kindShares = { single: 0.28, pair: 0.3, size: 0.09, count: 0.18, three: 0.15 } as const;
export type Kind = keyof typeof kindShares;
// Object.keys knows only strings; the table has no other keys than these.
export const kinds = Object.keys(kindShares) as readonly Kind[];

interface Common {
  readonly background: Background;
}

export interface Single extends Common {
  readonly kind: "single";
  readonly things: readonly [Thing];
  /** Only if it is unambiguous. */
  readonly size?: "big" | "small";
  /** Absent if it is large and in the middle. */
  readonly zone?: Zone;
}

/** The first thing is `relation` the second one. For the kind `size` it is also much bigger. */
export interface Pair extends Common {
  readonly kind: "pair" | "size";
  readonly things: readonly [Thing, Thing];
  readonly relation: Relation;
}

/** Several copies of one thing, perhaps beside some of another. */
export interface Count extends Common {
  readonly kind: "count";
  readonly things: readonly Thing[];
  /** Of each thing; the first 2 to 5, the second 1 to 3. */
  readonly counts: readonly number[];
}

export interface Three extends Common {
  readonly kind: "three";
  readonly things: readonly [Thing, Thing, Thing];
  /** Whether they are in a row, from left to right in this order. Otherwise each is in its own quarter of the canvas. */
  readonly inRow: boolean;
}

export type Facts = Single | Pair | Count | Three;

/** The number of things of this noun. */
export function countOf(facts: Facts, noun: number): number {
  return facts.things.reduce((sum, thing, i) => sum + (thing.noun === noun ? copiesOf(facts, i) : 0), 0);
}

/** The number of copies of thing `i`. */
export function copiesOf(facts: Facts, i: number): number {
  return facts.kind === "count" ? facts.counts[i]! : 1;
}

/** The number of things. */
export function total(facts: Facts): number {
  return facts.things.reduce((sum, _, i) => sum + copiesOf(facts, i), 0);
}
