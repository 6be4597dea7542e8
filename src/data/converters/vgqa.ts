/** Questions of Visual Genome as additional training data for VQAv2: those with one answer that is in the vocabulary of VQAv2. */
import { z } from "zod";
import { readAnswerList } from "../../checkpoint/index.js";
import { InputError } from "../../errors.js";
import { answerLabels } from "./vqa/answer-scores.js";
import { normalizeAnswer } from "./vqa/normalize-answer.js";
import { answerListFile, hasAnnotations, makeAnswerList } from "./answer-vocabulary.js";
import { checkedRecord, findFile } from "./source-files.js";
import { jsonElements } from "../readers/json-elements.js";
import type { PlannedRow, Converter, PrepareContext } from "./converter.js";
import { type GenomeSplit, type KarpathyImages, readCocoIds, readGenomeImages, splitGenome } from "./vgqa-split.js";
import { counted, genomeFolders, imageOf } from "./visual-genome.js";
import { questionColumns } from "./vqav2.js";

const questionsSchema = z.object({
  qas: z.array(z.object({ image_id: z.int(), qa_id: z.int(), question: z.string(), answer: z.string() })),
});
type Asked = z.infer<typeof questionsSchema>["qas"][number];

export const vgqa: Converter = {
  splits: ["train", "val", "coco_train", "coco_val"],
  tables: async (context) => {
    const { source } = context;
    const file = await findFile(source, ["annotations/question_answers.json", "question_answers.json"]);
    const imageFile = await findFile(source, ["image_data.json", "annotations/image_data.json"]);
    const list = (part: string) =>
      findFile(source, [`coco_splits/karpathy_${part}_images.txt`, `karpathy_${part}_images.txt`]);
    const lists = { train: await list("train"), val: await list("val"), test: await list("test") };
    const folders = await genomeFolders(source);
    const labels = answerLabels(await vocabulary(context));
    const sources = [file, imageFile, ...Object.values(lists), answerListFile(context.out)];
    const split = async (cocoOnly: boolean): Promise<GenomeSplit> => {
      const karpathy: KarpathyImages = {
        train: await readCocoIds(context, lists.train),
        val: await readCocoIds(context, lists.val),
        test: await readCocoIds(context, lists.test),
      };
      return splitGenome(await readGenomeImages(context, imageFile), karpathy, cocoOnly);
    };
    return context.splits.map((name) => ({
      file: `vgqa_${name}.arrow`,
      columns: questionColumns,
      sources,
      what: "images with questions whose answer is known",
      load: async () => {
        const part = name.endsWith("train") ? "train" : "val";
        const images = (await split(name.startsWith("coco")))[part];
        return counted(() => rows(context, file, folders, images, labels, part));
      },
    }));
  },
};

/** The vocabulary of the tables in the output folder, or else of the annotations of VQAv2. */
async function vocabulary(context: PrepareContext): Promise<readonly string[]> {
  const list = await readAnswerList(answerListFile(context.out));
  if (list !== undefined) return list;
  if (await hasAnnotations(context.source)) return makeAnswerList(context);
  throw new InputError({
    code: "file-not-found",
    where: answerListFile(context.out),
    expected: "the answers of VQAv2",
    found: "none, and no annotations of VQAv2 in the source folder",
    hint: "Run bridgetower prepare vqav2 with this --out first",
  });
}

async function* rows(
  context: PrepareContext,
  file: string,
  folders: readonly string[],
  images: ReadonlySet<number>,
  labels: ReadonlyMap<string, number>,
  split: string,
): AsyncGenerator<PlannedRow> {
  const seen = new Set<number>();
  for await (const { index, value } of jsonElements(file, context)) {
    const place = `element ${index}`;
    const { qas } = checkedRecord(questionsSchema, value, file, place);
    if (qas.length === 0) continue;
    const image = imageOf(qas, seen, file, place);
    const kept = images.has(image) ? knownAnswers(qas, labels) : [];
    if (kept.length === 0) continue;
    yield {
      images: [{ name: `${image}.jpg`, folders }],
      fields: {
        questions: kept.map(({ question }) => question),
        answers: kept.map(({ answer }) => [answer]),
        answer_labels: kept.map(({ answer }) => [labels.get(answer)!]),
        answer_scores: kept.map(() => [1]),
        image_id: image,
        question_id: kept.map(({ qa_id }) => qa_id),
        split,
      },
      texts: kept.length,
    };
  }
}

/**
 * Questions with normalized answers in the vocabulary. A question with several known answers is left out; one with the same answer
 * twice is kept once.
 */
export function knownAnswers(qas: readonly Asked[], labels: ReadonlyMap<string, number>): Asked[] {
  const known = qas
    .map((qa) => ({ ...qa, answer: normalizeAnswer(qa.answer) }))
    .filter(({ answer }) => labels.has(answer));
  const answers = new Map<string, Set<string>>();
  for (const { question, answer } of known) {
    answers.set(question, (answers.get(question) ?? new Set()).add(answer));
  }
  return known.filter(({ question }) => {
    const once = answers.get(question)?.size === 1;
    answers.delete(question);
    return once;
  });
}
