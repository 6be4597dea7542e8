/** The answers of the outputs of a VQA classifier. */
import { join } from "node:path";
import { answerList, answerListName, readAnswerList } from "../checkpoint/index.js";
import { InputError } from "../errors.js";
import { readJsonObjectIfPresent, type JsonObject } from "../files/index.js";

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
  if (id2label !== undefined && id2label !== null) return answerList(id2label, `id2label in ${configFile}`, count);
  return readAnswerList(join(folder, answerListName), count);
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
