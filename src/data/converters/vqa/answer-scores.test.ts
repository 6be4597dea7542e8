import { expect, test } from "vitest";
import { AnswerCounts, answerLabels, answerScore, scoreAnswers } from "./answer-scores.js";

const times = (count: number, answer: string) => Array.from({ length: count }, () => answer);

test("0.3 for one person, 0.6, 0.9, and 1 for four or more", () => {
  expect([0, 1, 2, 3, 4, 10].map(answerScore)).toEqual([0, 0.3, 0.6, 0.9, 1, 1]);
});

test("answers given nine times are in the vocabulary, by first appearance; eight are not enough", () => {
  const answers = ["rare", ...times(1, "No"), ...times(9, "yes"), ...times(8, "maybe"), ...times(8, "no.")];
  const counts = new AnswerCounts();
  for (const answer of answers) counts.add(answer);
  expect(counts.vocabulary()).toEqual(["no", "yes"]);
});

test("answers that become the same are counted together, if they are normalized", () => {
  const labels = answerLabels(["yes", "2", "no"]);
  const answers = ["two", "2", "Yes", "the 2", "no", "unheard of", "no", "2.", "yes", "yes"];
  expect(scoreAnswers(answers, labels, true)).toEqual({ labels: [1, 0, 2], scores: [1, 0.9, 0.6] });
  expect(scoreAnswers(answers, labels, false)).toEqual({ labels: [1, 2, 0], scores: [0.3, 0.6, 0.6] });
});

test("a question may have no known answer", () => {
  expect(scoreAnswers(["constructor", "toString"], answerLabels(["yes"]), true)).toEqual({ labels: [], scores: [] });
});
