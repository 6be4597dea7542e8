/** What the outputs of a VQA classifier stand for. */
import { readJsonIfPresent, readJsonObjectIfPresent } from "../files/index.js";
import { join } from "node:path";
import { InputError } from "../errors.js";

const maxBytes = 2 ** 20;

/**
 * The answers of a model folder in the order of the classifier's outputs: `id2label` of `config.json` as transformers
 * writes it, else `answers.json`. Nothing where the folder names none.
 * @param count outputs of the classifier
 * @throws InputError if there is not one for each output
 */
export async function findAnswers(folder: string, count: number): Promise<readonly string[] | undefined> {
  const configFile = join(folder, "config.json");
  const id2label = (await readJsonObjectIfPresent(configFile, { maxBytes }))?.id2label ?? undefined;
  if (id2label !== undefined) return answersIn(id2label, `id2label in ${configFile}`, count);
  return answersInFile(join(folder, "answers.json"), count);
}

/** As `findAnswers`. @throws InputError also where the folder names none */
export async function readAnswers(folder: string, count: number): Promise<readonly string[]> {
  const answers = await findAnswers(folder, count);
  if (answers !== undefined) return answers;
  throw new InputError({
    code: "invalid-config",
    where: folder,
    expected: `the ${count} answers that its classifier tells apart`,
    found: "neither id2label in config.json nor a file answers.json",
    hint: "Add answers.json: a JSON list of the answers in the order of the classifier's outputs",
  });
}

/**
 * The answers in a JSON file: a list, or an object with the indices as its keys. Undefined if there is no such file.
 * @throws InputError if there is not one for each of `count` outputs
 */
export async function answersInFile(file: string, count: number): Promise<readonly string[] | undefined> {
  const json = await readJsonIfPresent(file, { maxBytes, expected: "a JSON list of answers" });
  return json === undefined ? undefined : answersIn(json, file, count);
}

function answersIn(json: unknown, where: string, count: number): readonly string[] {
  const expected = `an answer, which is text, for each of the ${count} outputs of the classifier: a list, or an object with the keys 0 to ${count - 1}`;
  const refuse = (found: string): never => {
    throw new InputError({
      code: "invalid-config",
      where,
      expected,
      found,
      hint: "Use the file that was written with these weights",
    });
  };
  if (typeof json !== "object" || json === null) return refuse(json === undefined ? "no JSON" : "a single value");
  const entries = new Map(Object.entries(json as Readonly<Record<string, unknown>>));
  if (entries.size !== count) return refuse(`${entries.size} of them`);
  return Array.from({ length: count }, (_, index) => {
    const answer = entries.get(String(index));
    return typeof answer === "string" ? answer : refuse(`${answer === undefined ? "none" : "no text"} for ${index}`);
  });
}
