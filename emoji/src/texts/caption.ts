/** Formats facts as sentences. */
import type { Random } from "bridgetower/learner";
import { backgroundPhrase } from "../backgrounds/background.js";
import { drawUntil, pickAt, sample } from "../draws.js";
import {
  type Count,
  type Facts,
  inverse,
  type Pair,
  type Relation,
  type Single,
  type Three,
  type Zone,
} from "../facts.js";
import { isBarePlural, isCountable, nounPhrase, numeral, regularPlural, verb } from "../vocabulary/grammar.js";
import type { Vocabulary } from "../vocabulary/vocabulary.js";
import { drawWording, type Form, mentioned, type Wording } from "./wording.js";

/** Ways to say each relation; the first one also after "is". */
export const relationWords: Readonly<Record<Relation, readonly string[]>> = {
  left: ["to the left of", "left of", "on the left of"],
  right: ["to the right of", "right of", "on the right of"],
  above: ["above", "over"],
  below: ["below", "under", "beneath"],
};

const sizeWords = { big: ["big", "large"], small: ["small", "little", "tiny"] } as const;

/** The content of captions: all facts, or only the things. */
export const captionContents = ["all", "things"] as const;
export type CaptionContent = (typeof captionContents)[number];

/** A true sentence. "things" does not accept facts of the kind "count", because every sentence about them has a number. */
export function drawCaption(random: Random, facts: Facts, vocabulary: Vocabulary, content: CaptionContent): string {
  const wording = drawUntil("caption", () => {
    const drawn = drawWording(random, facts);
    return content === "all" || mentioned(drawn).every((facet) => facet === "obj") ? drawn : undefined;
  });
  return sentence(facts, wording, vocabulary);
}

/** A sentence for these facts, lower case, without a full stop. */
export function sentence(facts: Facts, wording: Wording, vocabulary: Vocabulary): string {
  const said = body(facts, wording, vocabulary);
  return wording.background === undefined ? said : `${said} ${backgroundPhrase(facts.background, wording.background)}`;
}

function body(facts: Facts, wording: Wording, vocabulary: Vocabulary): string {
  switch (facts.kind) {
    case "single":
      return singleBody(facts, wording);
    case "pair":
    case "size":
      return pairBody(facts, wording);
    case "count":
      return countBody(facts, wording, vocabulary);
    case "three":
      return threeBody(facts, wording);
  }
}

function singleBody({ things, size, zone }: Single, { form, words }: Wording): string {
  const [{ word }] = things;
  if (form === "zone") return `${nounPhrase(word)} ${zonePhrase(zone!)}`;
  if (form === "sized") return nounPhrase(word, pickAt(words[0], sizeWords[size!]));
  return form === "opened" ? `${opening(word, words[0])} ${nounPhrase(word)}` : nounPhrase(word);
}

function opening(word: string, wording: number): string {
  const openings = ["a picture of", "an image of", "a drawing of"];
  return pickAt(wording, [...openings, ...(isBarePlural(word) ? ["these are", "there are"] : ["this is", "there is"])]);
}

/** `in the top left corner`, `on the left side`, `at the top`. */
function zonePhrase(zone: Zone): string {
  if (zone === "top" || zone === "bottom") return `at the ${zone}`;
  return zone === "left" || zone === "right" ? `on the ${zone} side` : `in the ${zone}`;
}

function pairBody({ things, relation }: Pair, { form, swapped, words }: Wording): string {
  const [{ word }, { word: other }] = things;
  const [one, second] = [nounPhrase(word), nounPhrase(other)];
  const [big, small] = [pickAt(words[0], sizeWords.big), pickAt(words[1], sizeWords.small)];
  const sideways = relation === "left" || relation === "right";
  const [first, last] = relation === "left" || relation === "above" ? [one, second] : [second, one];
  const joint = pickAt(words[0], ["and", "and", "with", "next to"]);
  const said: Partial<Record<Form, string>> = {
    "big and small": `${nounPhrase(word, big)} and ${nounPhrase(other, small)}`,
    "small and big": `${nounPhrase(other, small)} and ${nounPhrase(word, big)}`,
    "bigger than": `the ${word} ${verb(word)} ${pickAt(words[0], ["bigger", "larger"])} than the ${other}`,
    "smaller than": `the ${other} ${verb(other)} smaller than the ${word}`,
    relation: `${one} ${pickAt(words[0], relationWords[relation])} ${second}`,
    "inverse relation": `${second} ${pickAt(words[0], relationWords[inverse[relation]])} ${one}`,
    "full relation": `the ${word} ${verb(word)} ${relationWords[relation][0]} the ${other}`,
    sides: sideways ? `${first} on the left and ${last} on the right` : `${first} at the top and ${last} at the bottom`,
    together: swapped ? `${second} ${joint} ${one}` : `${one} ${joint} ${second}`,
  };
  return said[form]!;
}

function countBody(facts: Count, { form, swapped }: Wording, vocabulary: Vocabulary): string {
  const phrases = facts.things.map((_, i) => countPhrase(facts, i, vocabulary));
  if (form === "both counts") return (swapped ? phrases.reverse() : phrases).join(" and ");
  // Changed facts may have a single one.
  const there = facts.counts[0] === 1 ? "there is" : "there are";
  return form === "opened count" ? `${there} ${phrases[0]!}` : phrases[0]!;
}

/** `three cats`, `one cat`, `a pair of skis`. */
function countPhrase({ things, counts }: Count, i: number, vocabulary: Vocabulary): string {
  const { noun, word } = things[i]!;
  if (counts[i] === 1) return isCountable(word, "") ? `one ${word}` : nounPhrase(word);
  return `${numeral(counts[i]!)} ${pluralOf(word, noun, vocabulary)}`;
}

/** The plural of a word for a noun, which may be the noun itself. */
export function pluralOf(word: string, noun: number, { nouns }: Vocabulary): string {
  const entry = nouns[noun]!;
  return word === entry.noun ? entry.plural : regularPlural(word);
}

/** Words for things in sentences, without duplicates: nouns, synonyms, and plurals of countable nouns. Lists of keywords have others. */
export function nounWords({ nouns, countable }: Vocabulary): string[] {
  const words = nouns.flatMap(({ noun, plural, syn }, i) => {
    const plurals = syn.flatMap((word) => (isCountable(word, regularPlural(word)) ? [regularPlural(word)] : []));
    return [noun, ...syn, ...(countable[i]! ? [plural, ...plurals] : [])];
  });
  return [...new Set(words)];
}

/** Which two of a row "neighbours" are: the first two or the last two. */
export function neighboursOf({ swapped }: Wording): readonly [number, number] {
  return swapped ? [1, 2] : [0, 1];
}

/** The six orders of three. */
const orders = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

function threeBody({ things }: Three, wording: Wording): string {
  const { form, swapped, words } = wording;
  const phrases = things.map(({ word }) => nounPhrase(word));
  const [left, middle, right] = [phrases[0]!, phrases[1]!, phrases[2]!];
  const [one, other] = neighboursOf(wording);
  const [first, second, third] = pickAt(words[0], orders);
  const said: Partial<Record<Form, string>> = {
    between: swapped ? `${middle} between ${right} and ${left}` : `${middle} between ${left} and ${right}`,
    row: `from left to right: ${left}, ${middle} and ${right}`,
    neighbours: `${phrases[one]!} ${pickAt(words[0], relationWords.left)} ${phrases[other]!}`,
    list: `${phrases[first]!}, ${phrases[second]!} and ${phrases[third]!}`,
  };
  return said[form]!;
}

/** The name of an emoji with one to three of its search words: `safety pin, safety, diaper`. */
export function drawKeywords(random: Random, codePoint: string, { keywords }: Vocabulary): string | undefined {
  const found = keywords.get(codePoint);
  if (found === undefined) return undefined;
  const label = found.label.toLowerCase();
  const tags = sample(random, found.tags, 1 + random.below(3)).map((tag) => tag.toLowerCase());
  return [label, ...tags.filter((tag) => tag !== label)].join(", ");
}
