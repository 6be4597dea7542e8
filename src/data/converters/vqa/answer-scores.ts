/** The answers that a VQA classifier tells apart, and how right each is: Antol et al., ICCV 2015, as the published checkpoints were trained. */
import { normalizeAnswer } from "./normalize-answer.js";

/** How often each answer was given, from answers that come one by one. */
export class AnswerCounts {
  private readonly counts = new Map<string, number>();

  /** @param answer a `multiple_choice_answer` as it stands in the annotations */
  add(answer: string): void {
    const normalized = normalizeAnswer(answer);
    this.counts.set(normalized, (this.counts.get(normalized) ?? 0) + 1);
  }

  /** Answers that were given at least `least` times, in the order in which they first came. */
  vocabulary(least = 9): string[] {
    return [...this.counts].filter(([, count]) => count >= least).map(([answer]) => answer);
  }
}

/**
 * The classifier's answers in the order of its outputs: 3129 from all of `train2014`, then `val2014`.
 * @param multipleChoiceAnswers one of each question, not normalised
 * @param least how often an answer must be given
 */
export function answerVocabulary(multipleChoiceAnswers: Iterable<string>, least = 9): string[] {
  const counts = new AnswerCounts();
  for (const answer of multipleChoiceAnswers) counts.add(answer);
  return counts.vocabulary(least);
}

/** The score of an answer that `count` of the ten people gave. */
export function answerScore(count: number): number {
  return [0, 0.3, 0.6, 0.9][count] ?? 1;
}

/** Parallel lists, in the order in which the people first gave the answers. */
export interface ScoredAnswers {
  readonly labels: readonly number[];
  readonly scores: readonly number[];
}

/** The label of each answer: its place in the vocabulary. */
export function answerLabels(vocabulary: readonly string[]): ReadonlyMap<string, number> {
  return new Map(vocabulary.map((answer, label) => [answer, label]));
}

/**
 * The answers to one question that are in the vocabulary, with their scores 0.3 to 1.
 * @param answers what ten people said
 * @param normalized whether answers are normalised before they are counted (the files `_fix`) or taken as they were typed
 */
export function scoreAnswers(
  answers: readonly string[],
  labels: ReadonlyMap<string, number>,
  normalized: boolean,
): ScoredAnswers {
  const counts = new Map<string, number>();
  for (const answer of answers) {
    const counted = normalized ? normalizeAnswer(answer) : answer;
    counts.set(counted, (counts.get(counted) ?? 0) + 1);
  }
  const known = [...counts].flatMap(([answer, count]) => {
    const label = labels.get(answer);
    return label === undefined ? [] : [{ label, score: answerScore(count) }];
  });
  return { labels: known.map(({ label }) => label), scores: known.map(({ score }) => score) };
}
