/** The answers of the outputs of a VQA classifier. */
import { join } from "node:path";
import { InputError } from "../errors.js";
import { readJsonIfPresent, readJsonObjectIfPresent, type JsonObject } from "../files/index.js";

/**
 * The answers of a model folder in the order of the classifier's outputs: `id2label` of `config.json` as transformers
 * writes it, else `answers.json`. Undefined if the folder names none.
 * @param count outputs of the classifier
 * @param configJson the content of `config.json`; read by default
 * @throws InputError if there is not one for each output
 */
export async function findAnswers(
  folder: string,
  count: number,
  configJson?: JsonObject,
): Promise<readonly string[] | undefined> {
  const configFile = join(folder, "config.json");
  const { id2label } = configJson ?? (await readJsonObjectIfPresent(configFile)) ?? {};
  if (id2label !== undefined && id2label !== null) return answersIn(id2label, `id2label in ${configFile}`, count);
  return answersInFile(join(folder, "answers.json"), count);
}

/** As `findAnswers`. @throws InputError also if the folder names none */
export async function readAnswers(folder: string, count: number, configJson?: JsonObject): Promise<readonly string[]> {
  const answers = await findAnswers(folder, count, configJson);
  if (answers !== undefined) return answers;
  throw new InputError({
    code: "invalid-config",
    where: folder,
    expected: `the ${count} answers of its classifier`,
    found: "neither id2label in config.json nor a file answers.json",
    hint: "Add answers.json: a JSON list of the answers in the order of the classifier's outputs",
  });
}

/**
 * The answers in a JSON file: a list, or an object with the indices as its keys. Undefined if there is no such file.
 * @throws InputError if there is not one for each of `count` outputs
 */
export async function answersInFile(file: string, count: number): Promise<readonly string[] | undefined> {
  const json = await readJsonIfPresent(file, { expected: "a JSON list of answers" });
  return json === undefined ? undefined : answersIn(json, file, count);
}

function answersIn(json: unknown, where: string, count: number): readonly string[] {
  const expected = `a string for each of the ${count} outputs of the classifier: a list, or an object with the keys 0 to ${count - 1}`;
  const refuse = (found: string): never => {
    throw new InputError({
      code: "invalid-config",
      where,
      expected,
      found,
      hint: "Use the file that was written with these weights",
    });
  };
  if (typeof json !== "object" || json === null) return refuse("a single value");
  const entries = new Map(Object.entries(json as Readonly<Record<string, unknown>>));
  if (entries.size !== count) return refuse(`${entries.size} ${entries.size === 1 ? "entry" : "entries"}`);
  return Array.from({ length: count }, (_, index) => {
    const answer = entries.get(String(index));
    return typeof answer === "string"
      ? answer
      : refuse(`${answer === undefined ? "no entry" : "another value"} for ${index}`);
  });
}
