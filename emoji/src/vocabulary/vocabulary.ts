/** The nouns of scenes, their look-alikes and their kinds. */
import { readFileSync } from "node:fs";
import { holdsSynonymOut } from "../held-out.js";
import { isCountable } from "./grammar.js";
import { hypernymRules } from "./hypernyms.js";

/** As `nouns.json` has it. */
export interface Noun {
  readonly noun: string;
  readonly plural: string;
  /** From the widest category to the narrowest, such as animal, bird. */
  readonly cats: readonly string[];
  /** Code points of the emoji that show it, lower-case hexadecimal, joined by "-" and without fe0f. */
  readonly hex: readonly string[];
  readonly syn: readonly string[];
}

/** A name and search words of one emoji (CLDR). */
export interface Keywords {
  readonly label: string;
  readonly tags: readonly string[];
}

export interface Hypernym {
  readonly word: string;
  /** Nouns that are clearly of this kind. */
  readonly members: ReadonlySet<number>;
  /** Nouns that are arguably of this kind. */
  readonly doubtful: ReadonlySet<number>;
}

/** Nouns are given by their index in `nouns`. */
export interface Vocabulary {
  readonly nouns: readonly Noun[];
  readonly countable: readonly boolean[];
  readonly byCodePoint: ReadonlyMap<string, number>;
  readonly keywords: ReadonlyMap<string, Keywords>;
  /** Nouns of the same widest category that it cannot be confused with. */
  readonly kin: readonly (readonly number[])[];
  readonly hypernyms: readonly Hypernym[];
  /** Synonyms that occur in training captions of single things only. */
  readonly heldSynonyms: ReadonlySet<string>;
  /** Whether two nouns can be confused. Always true for a noun and itself. */
  confusable(one: number, other: number): boolean;
}

export interface VocabularyFiles {
  readonly nouns: readonly Noun[];
  /** Groups of nouns that look alike. */
  readonly confusable: readonly (readonly string[])[];
  /** By code points. */
  readonly keywords: Readonly<Record<string, Keywords>>;
}

/** The vocabulary of the packaged model: 614 nouns, 771 emoji. */
export function readVocabulary(): Vocabulary {
  // The files are part of this workspace and need no validation.
  const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
  return vocabularyOf({
    nouns: read("nouns.json") as VocabularyFiles["nouns"],
    confusable: read("confusable.json") as VocabularyFiles["confusable"],
    keywords: read("keywords.json") as VocabularyFiles["keywords"],
  });
}

export function vocabularyOf({ nouns, confusable, keywords }: VocabularyFiles): Vocabulary {
  const numbers = new Map(nouns.map(({ noun }, i) => [noun, i]));
  const alike = nouns.map((_, i) => new Set([i]));
  for (const group of confusable) {
    const members = group.map((word) => {
      const number = numbers.get(word);
      if (number === undefined) throw new Error(`confusable.json: ${word} is no noun of nouns.json`);
      return number;
    });
    for (const one of members) for (const other of members) alike[one]!.add(other);
  }
  const numbersWhere = (holds: (noun: Noun) => boolean) =>
    new Set(nouns.flatMap((noun, i) => (holds(noun) ? [i] : [])));
  return {
    nouns,
    countable: nouns.map(({ noun, plural }) => isCountable(noun, plural)),
    byCodePoint: new Map(nouns.flatMap(({ hex }, i) => hex.map((code) => [code, i] as const))),
    keywords: new Map(Object.entries(keywords)),
    kin: nouns.map(({ cats }, i) =>
      nouns.flatMap((other, j) => (other.cats[0] === cats[0] && !alike[i]!.has(j) ? [j] : [])),
    ),
    hypernyms: hypernymRules.map(({ word, holds, doubtful }) => ({
      word,
      members: numbersWhere(holds),
      doubtful: numbersWhere((noun) => doubtful(noun) && !holds(noun)),
    })),
    heldSynonyms: new Set(nouns.flatMap(({ syn }) => syn.filter(holdsSynonymOut))),
    confusable: (one, other) => alike[one]!.has(other),
  };
}
