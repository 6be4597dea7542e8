/** Answers of visual question answering: how they are normalised, which ones are told apart, how right each is. */
export {
  AnswerCounts,
  answerLabels,
  answerScore,
  answerVocabulary,
  scoreAnswers,
  type ScoredAnswers,
} from "./answer-scores.js";
export { normalizeAnswer } from "./normalize-answer.js";
