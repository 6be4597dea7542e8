/**
 * Normalization of answers in the VQA evaluation, quirks included: the vocabulary of the published checkpoints was made with it.
 * Source: the evaluation code of visualqa.org, as the authors' writers use it.
 */
import { contractions } from "./contractions.js";

const marks = [...'/;[]"{}()=+\\_-><@`,?!'];
const digitCommaDigit = /\p{Nd},\p{Nd}/u;
// The original also has an alternative for a period after a digit, which never matches.
const periodBeforeNoDigit = /\.(?!\p{Nd})/gu;
/** The original passes a flag (re.UNICODE = 32) as the count. */
const maxPeriods = 32;
/** White space of Python's `split`, which differs from `\s`. */
// eslint-disable-next-line no-control-regex -- Python counts them as white space
const whiteSpace = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
const numbers: ReadonlyMap<string, string> = new Map([
  ["none", "0"],
  ["zero", "0"],
  ["one", "1"],
  ["two", "2"],
  ["three", "3"],
  ["four", "4"],
  ["five", "5"],
  ["six", "6"],
  ["seven", "7"],
  ["eight", "8"],
  ["nine", "9"],
  ["ten", "10"],
]);
const articles: ReadonlySet<string> = new Set(["a", "an", "the"]);

/**
 * An answer without punctuation, capitals and articles, with digits for number words and apostrophes in contractions:
 * `normalizeAnswer("Two dogs, the cant")` is `"2 dogs can't"`.
 */
export function normalizeAnswer(text: string): string {
  return withoutPunctuation(text)
    .toLowerCase()
    .split(whiteSpace)
    .filter((word) => word !== "")
    .map((word) => numbers.get(word) ?? word)
    .filter((word) => !articles.has(word))
    .map((word) => contractions.get(word) ?? word)
    .join(" ")
    .replaceAll(",", "");
}

/** A mark is deleted everywhere if it is next to a space anywhere, or if the text has a number such as 1,000. Otherwise it becomes a space. */
function withoutPunctuation(text: string): string {
  const withNumber = digitCommaDigit.test(text);
  const spaced = marks.reduce((result, mark) => {
    const deleted = withNumber || text.includes(`${mark} `) || text.includes(` ${mark}`);
    return result.replaceAll(mark, deleted ? "" : " ");
  }, text);
  let periods = 0;
  return spaced.replace(periodBeforeNoDigit, (period) => (++periods <= maxPeriods ? "" : period));
}
