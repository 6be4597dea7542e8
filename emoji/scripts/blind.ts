/**
 * A baseline without images: it reads the training texts and gives the answer that was most often right there. Only accuracy above this
 * baseline shows that a model uses images.
 */
import type { RowTexts } from "bridgetower/data";
import { colorNames } from "../src/backgrounds/background.js";
import { NounFinder, type Tokenizer } from "../src/noun-finder.js";
import type { Results } from "./results-cache.js";

/** A masked noun, and the tokens to its left and right. */
export interface MaskedNoun {
  readonly noun: string;
  readonly context: string;
}

/** The parts that depend on the words of the scenes and on the tokenizer of a model. */
export interface Reading {
  /** A text with its things and colours replaced by placeholders. */
  readonly skeleton: (text: string) => string;
  /** The nouns that are masked in a caption, one at a time. */
  readonly maskedNouns: (caption: string) => readonly MaskedNoun[];
}

/** @param nouns words for things, as a data set of scenes has them */
export function readingOf(nouns: readonly string[], tokenizer: Tokenizer): Reading {
  const finder = new NounFinder(nouns, tokenizer);
  return {
    skeleton: skeletons(nouns),
    maskedNouns: (caption) => {
      const { ids } = tokenizer.encode(caption);
      return finder
        .singleTokens(ids)
        .map((place) => ({ noun: String(ids[place]), context: `${ids[place - 1]} ${ids[place + 1]}` }));
    },
  };
}

/** Replaces each noun by `N` and each colour by `C`. If several match, the longest wins; a noun wins over a colour of the same length. */
export function skeletons(nouns: readonly string[]): (text: string) => string {
  const slots = new Map<string, string>([...colorNames.map((word) => [word, "C"] as const), ...nouns.map(slotOfNoun)]);
  // Letters, spaces and hyphens need no escaping in a pattern.
  const words = [...slots.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(`(?<![\\p{L}-])(?:${words.join("|")})(?![\\p{L}-])`, "gu");
  return (text) => text.replace(pattern, (word) => slots.get(word)!);
}

const slotOfNoun = (word: string) => [word, "N"] as const;

export class BlindBaseline {
  private readonly answers = new MostFrequent();
  private readonly labels = new MostFrequent();
  private readonly labelsWithoutNeutral = new MostFrequent();
  private readonly truths = new MostFrequent();
  private readonly nouns = new MostFrequent();
  private readonly words = new WordOdds();

  constructor(private readonly reading: Reading) {}

  /** Adds a training scene. */
  learnScene({ captions, negatives, questions, hypotheses }: RowTexts): void {
    const { skeleton, maskedNouns } = this.reading;
    for (const caption of captions) this.words.add(caption, true);
    for (const { text } of negatives) this.words.add(text, false);
    for (const { noun, context } of maskedNouns(captions[0]!)) this.nouns.add(context, noun);
    for (const { question, answers } of questions) this.answers.add(skeleton(question), answers[0]!.answer);
    for (const { text, label } of hypotheses) {
      this.labels.add(skeleton(text), String(label));
      if (label !== neutral) this.labelsWithoutNeutral.add(skeleton(text), String(label));
    }
  }

  /** Adds a training pair. Only its statement is read, because its other texts are like those of scenes. */
  learnPair({ statements }: RowTexts): void {
    for (const { text, label } of statements) this.truths.add(this.reading.skeleton(text), String(label));
  }

  /** The metrics of `evaluate` on the same rows, under the same names, by the first caption of each. */
  evaluate(scenes: Iterable<RowTexts>, pairs: Iterable<RowTexts>, candidates: number): Results {
    const { skeleton, maskedNouns } = this.reading;
    const shares = new Shares();
    for (const { captions, negatives, questions, hypotheses } of scenes) {
      const caption = this.words.odds(captions[0]!);
      for (const { text, facet } of negatives) {
        const other = this.words.odds(text);
        // Equal odds: guess.
        const right = caption === other ? 0.5 : caption > other ? 1 : 0;
        shares.add("facet_accuracy", right);
        if (facet !== undefined) shares.add(`facet_accuracy_${facet}`, right);
      }
      for (const { noun, context } of maskedNouns(captions[0]!)) {
        shares.add("nouns_accuracy", this.nouns.best(context) === noun ? 1 : 0);
      }
      for (const { question, answers } of questions) {
        const given = this.answers.best(skeleton(question));
        shares.add("vqa_score", answers.find(({ answer }) => answer === given)?.score ?? 0);
      }
      for (const { text, label } of hypotheses) {
        const guess = (from: MostFrequent) => (from.best(skeleton(text)) === String(label) ? 1 : 0);
        shares.add("snli_accuracy", guess(this.labels));
        if (label !== neutral) shares.add("snli_accuracy_without_neutral", guess(this.labelsWithoutNeutral));
      }
    }
    for (const { statements } of pairs) {
      for (const { text, label } of statements) {
        shares.add("nlvr2_accuracy", this.truths.best(skeleton(text)) === String(label) ? 1 : 0);
      }
    }
    return { ...shares.all(), ir_r1: 1 / candidates, tr_r1: 1 / candidates };
  }
}

/** The label `neutral` of SNLI-VE. */
const neutral = 1;

/** The most frequent answer to each question; the first one of equals. */
class MostFrequent {
  private readonly counts = new Map<string, Map<string, number>>();
  private readonly overall = new Map<string, number>();

  add(asked: string, answer: string): void {
    const counts = this.counts.get(asked) ?? new Map<string, number>();
    this.counts.set(asked, counts);
    for (const each of [counts, this.overall]) each.set(answer, (each.get(answer) ?? 0) + 1);
  }

  /** For an unknown question, the most frequent answer of all. */
  best(asked: string): string | undefined {
    let [best, most] = [undefined as string | undefined, 0];
    for (const [answer, count] of this.counts.get(asked) ?? this.overall) {
      if (count > most) [best, most] = [answer, count];
    }
    return best;
  }
}

/** Naive Bayes over the words of a text, with add-one smoothing. */
class WordOdds {
  private readonly counts = { true: new Map<string, number>(), false: new Map<string, number>() };
  private readonly totals = { true: 0, false: 0 };
  private readonly known = new Set<string>();

  add(text: string, truth: boolean): void {
    const side = truth ? "true" : "false";
    for (const word of wordsOf(text)) {
      this.counts[side].set(word, (this.counts[side].get(word) ?? 0) + 1);
      this.totals[side]++;
      this.known.add(word);
    }
  }

  /** ln P(words | true) − ln P(words | false) */
  odds(text: string): number {
    const size = this.known.size + 1;
    const ln = (side: "true" | "false", word: string) =>
      Math.log(((this.counts[side].get(word) ?? 0) + 1) / (this.totals[side] + size));
    // Sorted, so that texts of the same words have bit-identical odds.
    const words = wordsOf(text).sort();
    return words.reduce((sum, word) => sum + ln("true", word) - ln("false", word), 0);
  }
}

const wordsOf = (text: string): string[] => text.match(/[\p{L}\p{N}-]+/gu) ?? [];

class Shares {
  private readonly sums = new Map<string, { sum: number; count: number }>();

  add(name: string, value: number): void {
    const { sum, count } = this.sums.get(name) ?? { sum: 0, count: 0 };
    this.sums.set(name, { sum: sum + value, count: count + 1 });
  }

  all(): Results {
    return Object.fromEntries([...this.sums].map(([name, { sum, count }]) => [name, sum / count]));
  }
}
