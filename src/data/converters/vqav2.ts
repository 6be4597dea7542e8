/** VQAv2 (Goyal et al., CVPR 2017): questions about images of COCO, each with ten answers. */
import { z } from "zod";
import { InputError } from "../../errors.js";
import { answerLabels, scoreAnswers, type ScoredAnswers } from "./vqa/answer-scores.js";
import { annotationFile, makeAnswerList } from "./answer-vocabulary.js";
import { checkedRecord, recordProblem, findFile, findFolders } from "./source-files.js";
import type { Columns } from "./arrow-writer.js";
import { jsonElements } from "../readers/json-elements.js";
import { prefetchImages } from "./read-image.js";
import type { PlannedRow, PlannedRows, Converter, PrepareContext, Table } from "./converter.js";

/** Columns of all tables of questions. */
export const questionColumns = {
  image: "binary",
  questions: { list: "string" },
  answers: { list: { list: "string" } },
  answer_labels: { list: { list: "int64" } },
  answer_scores: { list: { list: "double" } },
  image_id: "int64",
  question_id: { list: "int64" },
  split: "string",
} satisfies Columns;

/** Images at the end of val that are held out if training uses val too. */
const restImages = 1000;

interface Split {
  /** Part of the name of the questions file. */
  readonly questions: string;
  readonly images: string;
  readonly answered: boolean;
  readonly part?: "trainable" | "rest";
}

const val = { questions: "val2014", images: "val2014", answered: true } as const;
const splits: Readonly<Record<string, Split>> = {
  train: { questions: "train2014", images: "train2014", answered: true },
  val,
  test: { questions: "test2015", images: "test2015", answered: false },
  "test-dev": { questions: "test-dev2015", images: "test2015", answered: false },
  trainable_val: { ...val, part: "trainable" },
  rest_val: { ...val, part: "rest" },
};

const questionSchema = z.object({ image_id: z.int().min(0), question_id: z.int(), question: z.string() });
const annotationSchema = z.object({
  image_id: z.int(),
  question_id: z.int(),
  answers: z.array(z.object({ answer: z.string() })),
});

interface Asked {
  readonly id: number;
  readonly question: string;
  answers?: ScoredAnswers;
}

export const vqav2: Converter = {
  splits: Object.keys(splits),
  answers: true,
  tables: async (context) => {
    let list: Promise<readonly string[]> | undefined;
    const vocabulary = () => (list ??= makeAnswerList(context));
    return Promise.all(context.splits.map((name) => table(context, name, splits[name]!, vocabulary)));
  },
};

async function table(
  context: PrepareContext,
  name: string,
  split: Split,
  vocabulary: () => Promise<readonly string[]>,
): Promise<Table> {
  const questions = `v2_OpenEnded_mscoco_${split.questions}_questions.json`;
  const file = await findFile(context.source, [`vqav2/${questions}`, questions]);
  const folders = await findFolders(context.source, [split.images]);
  const years = split.answered ? ["train2014", "val2014"] : [];
  const annotations = await Promise.all(years.map((year) => annotationFile(context.source, year)));
  return {
    file: `vqav2_${name}${context.normalized ? "_fix" : ""}.arrow`,
    columns: questionColumns,
    sources: [file, ...annotations],
    what: "images with questions that have a known answer",
    load: async () => {
      const images = await readQuestions(context, file);
      if (!split.answered) return planned(listed(images), split, folders, name, []);
      const answers = await vocabulary();
      await readAnswers(context, await annotationFile(context.source, split.images), images, answers);
      // The parts of val keep its name.
      const rows = planned(answered(images, file), split, folders, split.part === undefined ? name : "val", answers);
      return split.part === undefined ? rows : partOf(rows, split.part, file, context.signal);
    },
  };
}

/** The questions of each image, by their id. */
type Images = ReadonlyMap<number, ReadonlyMap<number, Asked>>;

async function readQuestions(context: PrepareContext, file: string): Promise<Images> {
  const images = new Map<number, Map<number, Asked>>();
  const seen = new Set<number>();
  for await (const { index, value } of jsonElements(file, { key: "questions", ...context })) {
    const place = `question ${index}`;
    const { image_id, question_id, question } = checkedRecord(questionSchema, value, file, place);
    if (seen.has(question_id))
      throw recordProblem(file, place, "each question once", `question_id ${question_id} again`);
    seen.add(question_id);
    const asked = images.get(image_id) ?? new Map<number, Asked>();
    asked.set(question_id, { id: question_id, question });
    images.set(image_id, asked);
  }
  return images;
}

async function readAnswers(
  context: PrepareContext,
  file: string,
  images: Images,
  vocabulary: readonly string[],
): Promise<void> {
  const labels = answerLabels(vocabulary);
  for await (const { index, value } of jsonElements(file, { key: "annotations", ...context })) {
    const place = `annotation ${index}`;
    const { image_id, question_id, answers } = checkedRecord(annotationSchema, value, file, place);
    const asked = images.get(image_id)?.get(question_id);
    if (asked === undefined) {
      throw recordProblem(
        file,
        place,
        "the answers to a question of the questions' file",
        `question_id ${question_id}`,
      );
    }
    asked.answers = scoreAnswers(
      answers.map(({ answer }) => answer),
      labels,
      context.normalized,
    );
  }
}

function listed(images: Images): [number, readonly Asked[]][] {
  return [...images].map(([image, asked]) => [image, [...asked.values()]]);
}

/** Questions with an answer in the vocabulary, and the images with such questions. */
function answered(images: Images, file: string): [number, readonly Asked[]][] {
  const questions = listed(images);
  const unanswered = questions.flatMap(([, asked]) => asked).find(({ answers }) => answers === undefined);
  if (unanswered !== undefined) {
    throw recordProblem(file, `question_id ${unanswered.id}`, "answers in the annotations", "none");
  }
  return questions
    .map(([image, asked]): [number, readonly Asked[]] => [image, asked.filter((one) => one.answers!.labels.length > 0)])
    .filter(([, asked]) => asked.length > 0);
}

function planned(
  images: readonly (readonly [number, readonly Asked[]])[],
  split: Split,
  folders: readonly string[],
  name: string,
  vocabulary: readonly string[],
): { readonly total: number; readonly each: () => readonly PlannedRow[] } {
  const rows = images.map(([image, asked]): PlannedRow => {
    // Files without answers have one empty list, not an empty list for each question.
    const answers = split.answered ? asked.map((one) => one.answers!) : [];
    return {
      images: [{ name: `COCO_${split.images}_${String(image).padStart(12, "0")}.jpg`, folders }],
      fields: {
        questions: asked.map(({ question }) => question),
        answers: answers.map(({ labels }) => labels.map((label) => vocabulary[label]!)),
        answer_labels: answers.map(({ labels }) => labels),
        answer_scores: answers.map(({ scores }) => scores),
        image_id: image,
        question_id: asked.map(({ id }) => id),
        split: name,
      },
      texts: asked.length,
    };
  });
  return { total: rows.length, each: () => rows };
}

/**
 * The last 1000 images of val, or all before them. Images that cannot be read are in no table and do not count, so the two parts
 * together are the table of val.
 */
async function partOf(
  rows: { readonly each: () => readonly PlannedRow[] },
  part: "trainable" | "rest",
  file: string,
  signal: AbortSignal | undefined,
): Promise<PlannedRows> {
  const all = rows.each();
  let start = all.length;
  let found = 0;
  for await (const [, images] of prefetchImages(all.toReversed()[Symbol.iterator](), all.length)) {
    signal?.throwIfAborted();
    start--;
    if (!("problem" in images) && ++found === restImages) break;
  }
  const chosen = part === "rest" ? all.slice(start) : all.slice(0, start);
  if (chosen.length === 0) {
    const hint = "Leave out trainable_val and rest_val with --split";
    throw new InputError({
      code: "missing-data",
      where: file,
      expected: `more than ${restImages} images to cut in two`,
      found: `${all.length}`,
      hint,
    });
  }
  return { total: chosen.length, each: () => chosen };
}
