/**
 * The wording of a sentence about a scene, sampled separately from its facts: a negative has the same wording and differs only in the
 * changed fact.
 */
import type { Random } from "bridgetower/learner";
import { chance } from "../draws.js";
import type { Count, Facts, Pair, Single, Three } from "../facts.js";

/** The attributes that a negative can change. */
export const facets = ["obj", "rel", "size", "count", "pos", "bg"] as const;
export type Facet = (typeof facets)[number];

/** The forms of sentences, with the facets that they mention besides the background. */
export const forms = {
  /** a dog */
  single: ["obj"],
  /** an image of a dog */
  opened: ["obj"],
  /** a dog in the top left corner */
  zone: ["obj", "pos"],
  /** a big dog */
  sized: ["obj", "size"],
  /** a big dog and a small cat */
  "big and small": ["obj", "size"],
  "small and big": ["obj", "size"],
  /** the dog is bigger than the cat */
  "bigger than": ["obj", "size"],
  "smaller than": ["obj", "size"],
  /** a dog to the left of a cat */
  relation: ["obj", "rel"],
  /** a cat to the right of a dog */
  "inverse relation": ["obj", "rel"],
  /** the dog is to the left of the cat */
  "full relation": ["obj", "rel"],
  /** a dog on the left and a cat on the right */
  sides: ["obj", "rel"],
  /** a dog and a cat */
  together: ["obj"],
  /** three dogs and one cat */
  "both counts": ["obj", "count"],
  /** three dogs */
  "one count": ["obj", "count"],
  /** there are three dogs */
  "opened count": ["obj", "count"],
  /** a dog between a cat and a bus */
  between: ["obj", "rel"],
  /** from left to right: a cat, a dog and a bus */
  row: ["obj", "rel"],
  /** a cat to the left of a dog, of a row of three */
  neighbours: ["obj", "rel"],
  /** a dog, a bus and a cat */
  list: ["obj"],
} as const satisfies Readonly<Record<string, readonly Facet[]>>;

export type Form = keyof typeof forms;

export interface Wording {
  readonly form: Form;
  /** Selects the phrase for the background, in [0, 1). Absent if it is not mentioned. */
  readonly background?: number;
  /** Whether two parts whose order does not matter are swapped. */
  readonly swapped: boolean;
  /** Numbers in [0, 1) that select among synonyms. */
  readonly words: readonly [number, number];
}

/** The facets that a sentence with this wording mentions. */
export function mentioned({ form, background }: Wording): readonly Facet[] {
  return background === undefined ? forms[form] : [...forms[form], "bg"];
}

/** Forms that never mention a background. */
const complete: readonly Form[] = [
  "opened",
  "bigger than",
  "smaller than",
  "full relation",
  "sides",
  "opened count",
  "row",
];

export function drawWording(random: Random, facts: Facts): Wording {
  const background = chance(random, 0.55) ? random.uniform() : undefined;
  const form = drawForm(random, facts, background !== undefined);
  // Two counts usually keep their order.
  const swapped = chance(random, form === "both counts" ? 0.35 : 0.5);
  const wording = { form, swapped, words: [random.uniform(), random.uniform()] } as const;
  return background === undefined || complete.includes(form) ? wording : { ...wording, background };
}

function drawForm(random: Random, facts: Facts, background: boolean): Form {
  switch (facts.kind) {
    case "single":
      return singleForm(random, facts, background);
    case "pair":
    case "size":
      return pairForm(random, facts);
    case "count":
      return countForm(random, facts, background);
    case "three":
      return threeForm(random, facts);
  }
}

function singleForm(random: Random, { size, zone }: Single, background: boolean): Form {
  const u = random.uniform();
  if (zone !== undefined && u < 0.35) return "zone";
  if (size !== undefined && u < 0.65) return "sized";
  return !background && chance(random, 0.35) ? "opened" : "single";
}

function pairForm(random: Random, { kind }: Pair): Form {
  const u = random.uniform();
  const v = random.uniform();
  if (kind === "size" && u < 0.6) {
    if (v < 0.4) return "big and small";
    if (v < 0.55) return "small and big";
    return v < 0.8 ? "bigger than" : "smaller than";
  }
  if (u >= 0.78) return "together";
  if (v < 0.55) return "relation";
  if (v < 0.8) return "inverse relation";
  return v < 0.9 ? "full relation" : "sides";
}

function countForm(random: Random, { things }: Count, background: boolean): Form {
  if (things.length === 2 && chance(random, 0.75)) return "both counts";
  return !background && chance(random, 0.25) ? "opened count" : "one count";
}

function threeForm(random: Random, { inRow }: Three): Form {
  const u = random.uniform();
  if (!inRow || u >= 0.7) return "list";
  if (u >= 0.5) return "neighbours";
  return chance(random, 0.6) ? "between" : "row";
}
