/** Chooses nouns, their words and their drawings by the rules of the split. */
import type { Random } from "bridgetower/learner";
import { type Background, backgroundKey } from "./backgrounds/background.js";
import { chance, drawUntil, pick } from "./draws.js";
import { holdsBackgroundOut, holdsPairOut } from "./held-out.js";
import { type Split, splitRules } from "./splits.js";
import type { Sprite, Sprites } from "./sprites/index.js";
import { isCountable, regularPlural } from "./vocabulary/grammar.js";
import type { Vocabulary } from "./vocabulary/vocabulary.js";

/** How a word is used: for a single thing, beside others, or after a number. */
export type Usage = "alone" | "composed" | "counted";

/** Sprites of each noun. */
type Pool = readonly (readonly Sprite[])[];

export class Casting {
  private readonly pool: Pool;
  private readonly trainingPool: Pool;
  /** Nouns with drawings in the split. */
  private readonly shown: readonly number[];

  constructor(
    sprites: Sprites,
    readonly vocabulary: Vocabulary,
    readonly split: Split,
  ) {
    this.pool = poolOf(sprites, vocabulary, splitRules[split].shows);
    this.trainingPool = poolOf(sprites, vocabulary, splitRules.train.shows);
    this.shown = this.pool.flatMap((list, noun) => (list.length > 0 ? [noun] : []));
    if (this.shown.length === 0) throw new Error(`no sprite belongs to the split ${split}`);
  }

  /** `count` nouns that cannot be confused with each other. The first one is countable if `usage` is "counted". */
  nouns(random: Random, count: number, background: Background, usage: Usage): number[] {
    const { countable } = this.vocabulary;
    const usable = (noun: number) => usage !== "counted" || countable[noun]!;
    return drawUntil(`${count} nouns of ${this.split}`, () => {
      const nouns = [drawUntil("first noun", () => passing(pick(random, this.shown), usable))];
      while (nouns.length < count) nouns.push(this.companion(random, nouns));
      return this.allows(nouns, background, usage) ? nouns : undefined;
    });
  }

  /** Whether training may show these nouns before this background. */
  isSeen(nouns: readonly number[], background: Background): boolean {
    return !this.holdsPairOut(nouns) && !this.holdsBackgroundOut(nouns, background);
  }

  /** A noun that cannot be confused with any of these. */
  absentNoun(random: Random, nouns: readonly number[]): number {
    const { vocabulary } = this;
    return drawUntil("absent noun", () => {
      const kin = vocabulary.kin[pick(random, nouns)]!;
      const noun = chance(random, 0.5) && kin.length > 0 ? pick(random, kin) : random.below(vocabulary.nouns.length);
      return passing(noun, () => !nouns.some((other) => vocabulary.confusable(noun, other)));
    });
  }

  /** The word that a text uses for a noun. */
  word(random: Random, noun: number, usage: Usage): string {
    if (!splitRules[this.split].heldWords) return this.seenWord(random, noun, usage);
    const held = this.heldWords(noun, usage);
    return held.length > 0 ? pick(random, held) : this.vocabulary.nouns[noun]!.noun;
  }

  /** The words that training may use for a noun. */
  seenWord(random: Random, noun: number, usage: Usage): string {
    const { nouns, heldSynonyms } = this.vocabulary;
    const { noun: word, syn } = nouns[noun]!;
    if (syn.length === 0 || !chance(random, splitRules[this.split].synonyms)) return word;
    const known = usage === "alone" ? syn : syn.filter((synonym) => !heldSynonyms.has(synonym));
    const usable = known.filter((synonym) => isUsable(synonym, usage));
    return usable.length === 0 ? word : pick(random, usable);
  }

  sprite(random: Random, noun: number): Sprite {
    const own = this.pool[noun]!;
    return pick(random, own.length > 0 ? own : this.trainingPool[noun]!);
  }

  /** A noun that may appear beside these. */
  companion(random: Random, nouns: readonly number[]): number {
    const { vocabulary } = this;
    const kin = vocabulary.kin[nouns[0]!]!;
    return drawUntil("companion", () => {
      const noun = pick(random, chance(random, 0.3) && kin.length > 0 ? kin : this.shown);
      // Beside a held-out drawing, training drawings may appear. Unseen styles are not mixed with others.
      const drawn = this.pool[noun]!.length > 0 || (this.split === "drawing" && this.trainingPool[noun]!.length > 0);
      return passing(noun, () => drawn && !nouns.some((other) => vocabulary.confusable(noun, other)));
    });
  }

  /** Whether the split may show these nouns before this background. */
  private allows(nouns: readonly number[], background: Background, usage: Usage): boolean {
    const { combinations, heldWords } = splitRules[this.split];
    if (combinations === "unseen") {
      return this.holdsPairOut(nouns) || (nouns.length === 1 && this.holdsBackgroundOut(nouns, background));
    }
    if (!this.isSeen(nouns, background)) return false;
    return !heldWords || nouns.some((noun) => this.heldWords(noun, usage).length > 0);
  }

  private heldWords(noun: number, usage: Usage): readonly string[] {
    const { nouns, heldSynonyms } = this.vocabulary;
    return nouns[noun]!.syn.filter((word) => heldSynonyms.has(word) && isUsable(word, usage));
  }

  private holdsPairOut(nouns: readonly number[]): boolean {
    const words = nouns.map((noun) => this.vocabulary.nouns[noun]!.noun);
    return words.some((one, i) => words.slice(i + 1).some((other) => holdsPairOut(one, other)));
  }

  private holdsBackgroundOut(nouns: readonly number[], background: Background): boolean {
    const key = backgroundKey(background);
    return nouns.some((noun) => holdsBackgroundOut(this.vocabulary.nouns[noun]!.noun, key));
  }
}

/** "mouth" can be counted, "lips" cannot. */
function isUsable(synonym: string, usage: Usage): boolean {
  return usage !== "counted" || isCountable(synonym, regularPlural(synonym));
}

function passing(noun: number, test: (noun: number) => boolean): number | undefined {
  return test(noun) ? noun : undefined;
}

function poolOf({ sprites }: Sprites, vocabulary: Vocabulary, shows: (sprite: Sprite) => boolean): Pool {
  const pool: Sprite[][] = vocabulary.nouns.map(() => []);
  for (const sprite of sprites) if (shows(sprite)) pool[sprite.noun]!.push(sprite);
  return pool;
}
