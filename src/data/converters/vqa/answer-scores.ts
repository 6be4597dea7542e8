/** The answers of a VQA classifier and their soft scores: Antol et al., ICCV 2015, as the published checkpoints were trained. */
import { normalizeAnswer } from "./normalize-answer.js";

/** How often an answer must be given to be in the vocabulary. */
const minCount = 9;

/** How often each answer was given, counted one by one. */
export class AnswerCounts {
  private readonly counts = new Map<string, number>();

  /** @param answer a `multiple_choice_answer` of the annotations, not normalized */
  add(answer: string): void {
    const normalized = normalizeAnswer(answer);
    this.counts.set(normalized, (this.counts.get(normalized) ?? 0) + 1);
  }

  /**
   * The classifier's answers in the order of its outputs: those given at least 9 times, by first appearance. 3129 from all of
   * `train2014`, then `val2014`.
   */
  vocabulary(): string[] {
    return [...this.counts].filter(([, count]) => count >= minCount).map(([answer]) => answer);
  }
}

/** The score of an answer given by `count` of the ten annotators. */
export function answerScore(count: number): number {
  return [0, 0.3, 0.6, 0.9][count] ?? 1;
}

/** Parallel lists, in the order of first appearance. */
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
 * @param answers the answers of ten annotators
 * @param normalized whether answers are normalized before they are counted (the files `_fix`)
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
