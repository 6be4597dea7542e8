/** The questions of a row and their answers, in the forms that data sets write them. */

import type { AnswerScore, Question } from "../dataset.js";
import type { ColumnRole } from "./column-roles.js";
import { isObject, itemOf, type RowValues, textOf } from "./row-values.js";

const maxLabel = 2 ** 31 - 1;

export function questionsOf(row: RowValues): Question[] {
  const value = row.get("question");
  if (value === undefined) return [];
  const [answer, labels, scores] = [row.get("answer"), row.get("answer_labels"), row.get("answer_scores")];
  const ids = row.get("question_id");
  if (typeof value === "string") return [question(row, value, ids, { answer, labels, scores })];
  if (!Array.isArray(value)) throw row.wrong("question", "a text, a list of texts or a list of questions", value);
  return value.map((item: unknown, i) => {
    if (isObject(item)) {
      const text = textOf(row, "question", item["question"], "a question with its text under `question`");
      const id = item["question_id"] ?? undefined;
      const [itemLabels, itemScores] = [item["answer_labels"] ?? undefined, item["answer_scores"] ?? undefined];
      return question(row, text, id, {
        answer: item["answer"] ?? item["answers"] ?? undefined,
        labels: itemLabels,
        scores: itemScores,
      });
    }
    const text = textOf(row, "question", item, "a list of texts");
    const at = (role: ColumnRole, list: unknown) => itemOf(row, role, list, i, value.length);
    return question(row, text, at("question_id", ids), {
      answer: at("answer", answer),
      labels: at("answer_labels", labels),
      scores: at("answer_scores", scores),
    });
  });
}

interface GivenAnswers {
  readonly answer: unknown;
  readonly labels: unknown;
  readonly scores: unknown;
}

function question(row: RowValues, text: string, id: unknown, given: GivenAnswers): Question {
  const answers = answersOf(row, given.answer, given.labels, given.scores);
  return id === undefined
    ? { question: text, answers }
    : { question: text, questionId: integer(row, "question_id", id), answers };
}

function integer(row: RowValues, role: ColumnRole, value: unknown): number {
  const number = typeof value === "bigint" || typeof value === "string" ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number) && value !== "") return number;
  throw row.wrong(role, "an integer below 2^53", value);
}

/**
 * One text, a list of texts, or a list of objects with `answer` and optionally `label` and `score`. Labels and scores may also be
 * lists parallel to the answers. An answer without score has score 1. The converters count the ten human answers of VQA.
 */
function answersOf(row: RowValues, answer: unknown, labels: unknown, scores: unknown): AnswerScore[] {
  if (answer === undefined || answer === null) return [];
  const list: readonly unknown[] = Array.isArray(answer) ? answer : [answer];
  const label = parallelTo(row, "answer_labels", labels, list.length);
  const score = parallelTo(row, "answer_scores", scores, list.length);
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

/** Reads from a list parallel to the answers, or from one value for one answer. */
function parallelTo(
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
