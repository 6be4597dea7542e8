/** `answers.json` beside the tables: the answers that their labels stand for. */
import { makeFolder, writeAtomically } from "../../files/index.js";
import { join } from "node:path";
import { z } from "zod";

import { answerListName, readAnswerList } from "../../checkpoint/index.js";
import { InputError } from "../../errors.js";

import { AnswerCounts } from "./vqa/answer-scores.js";
import { checkedRecord, findFile, findFileIfPresent } from "./source-files.js";
import { jsonElements } from "../readers/json-elements.js";
import type { PrepareContext } from "./converter.js";

const majorAnswerSchema = z.object({ multiple_choice_answer: z.string() });

export const answerListFile = (out: string): string => join(out, answerListName);

const annotationNames = (year: string): string[] => [
  `vqav2/v2_mscoco_${year}_annotations.json`,
  `v2_mscoco_${year}_annotations.json`,
];

/** The file with the answers to the questions of `train2014` or `val2014`. */
export const annotationFile = (source: string, year: string): Promise<string> =>
  findFile(source, annotationNames(year));

/**
 * The vocabulary of the annotations of VQAv2, written to `answers.json`.
 * @throws InputError if there is a different list, which the tables beside it were made with
 */
export async function makeAnswerList(context: PrepareContext): Promise<readonly string[]> {
  const counts = new AnswerCounts();
  for (const year of ["train2014", "val2014"]) {
    const file = await annotationFile(context.source, year);
    for await (const { index, value } of jsonElements(file, { key: "annotations", ...context })) {
      counts.add(checkedRecord(majorAnswerSchema, value, file, `annotation ${index}`).multiple_choice_answer);
    }
  }
  const list = counts.vocabulary();
  const file = answerListFile(context.out);
  if (list.length === 0) {
    const found = "none in the annotations";
    throw new InputError({
      code: "missing-data",
      where: context.source,
      expected: "answers that were given at least 9 times",
      found,
    });
  }
  const old = context.force ? undefined : await readAnswerList(file);
  if (old === undefined) {
    await makeFolder(context.out);
    await writeAtomically(file, (handle) => handle.writeFile(`${JSON.stringify(list)}\n`));
  } else if (JSON.stringify(old) !== JSON.stringify(list)) {
    const expected = `the ${list.length} answers of these annotations`;
    const hint = "Choose another folder, or replace everything with --force";
    throw new InputError({ code: "file-exists", where: file, expected, found: `${old.length} others`, hint });
  }
  return list;
}

/** Whether the annotations that a vocabulary is made from are in the source folder. */
export async function hasAnnotations(source: string): Promise<boolean> {
  const found = await Promise.all(
    ["train2014", "val2014"].map((year) => findFileIfPresent(source, annotationNames(year))),
  );
  return found.every((file) => file !== undefined);
}
