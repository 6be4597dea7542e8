/** Answers of a question in the forms that data sets write them. */

import type { AnswerScore } from "../dataset.js";
import { isObject, type RowValues } from "./row-values.js";

const maxLabel = 2 ** 31 - 1;

/**
 * One text, a list of texts, or a list of objects with `answer`, and `label` and `score` where known; labels and scores may also come
 * as lists beside the answers. An answer without score is right: 1. Counting the ten human answers of VQA is for the writers of files.
 */
export function answersOf(row: RowValues, answer: unknown, labels: unknown, scores: unknown): AnswerScore[] {
  if (answer === undefined || answer === null) return [];
  const list: readonly unknown[] = Array.isArray(answer) ? answer : [answer];
  const label = beside(row, "answer_labels", labels, list.length);
  const score = beside(row, "answer_scores", scores, list.length);
  return list.map((item, i) => {
    if (!isObject(item)) return answerScore(row, item, label(i), score(i));
    return answerScore(row, item["answer"], item["label"] ?? undefined, item["score"] ?? undefined);
  });
}

function answerScore(row: RowValues, answer: unknown, label: unknown, score: unknown): AnswerScore {
  const text = typeof answer === "number" ? String(answer) : answer;
  if (typeof text !== "string") throw row.wrong("answer", "a text, a list of texts, or objects with `answer`", answer);
  const graded = { answer: text, score: scoreOf(row, score) };
  return label === undefined ? graded : { ...graded, label: labelOf(row, label) };
}

/** Reads from a list that goes along with a list of answers, or from one value beside one answer. */
function beside(
  row: RowValues,
  role: "answer_labels" | "answer_scores",
  given: unknown,
  length: number,
): (index: number) => unknown {
  if (given === undefined || given === null) return () => undefined;
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length !== length) throw row.wrong(role, `a list of ${length}, one for each answer`, given);
  return (index) => list[index] ?? undefined;
}

function scoreOf(row: RowValues, value: unknown): number {
  if (value === undefined) return 1;
  const score = typeof value === "bigint" || (typeof value === "string" && value.trim() !== "") ? Number(value) : value;
  if (typeof score === "number" && score >= 0 && score <= 1) return score;
  throw row.wrong("answer_scores", "a score from 0 to 1", value);
}

function labelOf(row: RowValues, value: unknown): number {
  const label = typeof value === "bigint" || (typeof value === "string" && value.trim() !== "") ? Number(value) : value;
  if (typeof label === "number" && Number.isInteger(label) && label >= 0 && label <= maxLabel) return label;
  throw row.wrong("answer_labels", "the number of an answer in a vocabulary", value);
}
