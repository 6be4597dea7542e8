/** The answers of the outputs of a VQA classifier: `answers.json`, and `id2label` of `config.json`. */
import { InputError } from "../errors.js";
import { readJsonIfPresent } from "../files/index.js";

export const answerListName = "answers.json";

/**
 * The answers in a JSON file. Undefined if there is no such file.
 * @param count number of outputs of the classifier; by default any number but 0
 * @throws InputError as `answerList`, or if an answer is there twice
 */
export async function readAnswerList(file: string, count?: number): Promise<readonly string[] | undefined> {
  const json = await readJsonIfPresent(file, { expected: expectedList(count) });
  if (json === undefined) return undefined;
  const answers = answerList(json, file, count);
  const seen = new Set<string>();
  for (const answer of answers) {
    if (seen.has(answer)) refuse(file, `${JSON.stringify(answer.slice(0, 80))} twice`, count);
    seen.add(answer);
  }
  return answers;
}

/**
 * The answers in the order of the classifier's outputs.
 * @param json  a list, or an object with the keys 0, 1, 2, …
 * @param count number of outputs of the classifier; by default any number but 0
 * @throws InputError if there is not one text for each output
 */
export function answerList(json: unknown, where: string, count?: number): readonly string[] {
  if (typeof json !== "object" || json === null) return refuse(where, "a single value", count);
  const entries = new Map(Object.entries(json as Readonly<Record<string, unknown>>));
  if (entries.size === 0) return refuse(where, "an empty list", count);
  if (entries.size !== (count ?? entries.size)) {
    return refuse(where, `${entries.size} ${entries.size === 1 ? "answer" : "answers"}`, count);
  }
  return Array.from({ length: entries.size }, (_, index) => {
    const answer = entries.get(String(index));
    return typeof answer === "string" ? answer : refuse(where, `no text for ${index}`, count);
  });
}

const expectedList = (count: number | undefined): string =>
  count === undefined
    ? "a JSON list of different texts, or an object with the keys 0, 1, 2, …"
    : `a text for each of the ${count} outputs of the classifier: a JSON list, or an object with the keys 0 to ${count - 1}`;

function refuse(where: string, found: string, count: number | undefined): never {
  throw new InputError({
    code: "invalid-json",
    where,
    expected: expectedList(count),
    found,
    ...(count === undefined ? {} : { hint: "Use the file that was written with these weights" }),
  });
}
