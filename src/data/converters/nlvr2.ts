/** NLVR2 (Suhr et al., ACL 2019): whether a statement is true of two images. */
import { join } from "node:path";
import { z } from "zod";
import { checkedRecord, plainId, plainName, recordProblem, findFile } from "./source-files.js";
import type { Columns } from "./arrow-writer.js";
import type { PlannedRow, PlannedRows, Converter, PrepareContext } from "./converter.js";
import { jsonLines } from "./source-lines.js";

const columns = {
  image_0: "binary",
  image_1: "binary",
  questions: { list: "string" },
  answers: { list: "string" },
  identifier: "string",
} satisfies Columns;

const statementSchema = z.object({
  identifier: plainName,
  sentence: z.string(),
  label: z.enum(["True", "False"]),
  directory: plainId.optional(),
});

/** The files of each split, in the folder `data` of the published archive. */
const files = {
  train: "train.json",
  dev: "dev.json",
  test1: "test1.json",
  balanced_dev: "balanced/balanced_dev.json",
  balanced_test1: "balanced/balanced_test1.json",
  unbalanced_dev: "unbalanced/unbalanced_dev.json",
  unbalanced_test1: "unbalanced/unbalanced_test1.json",
};

export const nlvr2: Converter = {
  splits: Object.keys(files),
  tables: (context) =>
    Promise.all(
      Object.entries(files)
        .filter(([split]) => context.splits.includes(split))
        .map(async ([split, name]) => {
          const file = await findFile(context.source, [`nlvr2/data/${name}`, `data/${name}`, name]);
          return {
            file: `nlvr2_${split}.arrow`,
            columns,
            sources: [file],
            what: "statements",
            load: () => load(context, file),
          };
        }),
    ),
};

async function load(context: PrepareContext, file: string): Promise<PlannedRows> {
  const pairs = new Map<
    string,
    { readonly folder: string; readonly questions: string[]; readonly answers: string[] }
  >();
  for await (const { number: line, value } of jsonLines(file, context)) {
    const place = `line ${line}`;
    const { identifier, sentence, label, directory } = checkedRecord(statementSchema, value, file, place);
    // The last part numbers the statements about a pair.
    const pair = identifier.slice(0, Math.max(0, identifier.lastIndexOf("-")));
    const split = pair.split("-")[0]!;
    if (pair === "") throw recordProblem(file, place, "an identifier such as dev-850-0-0", identifier);
    if (split === "train" && directory === undefined) throw recordProblem(file, place, "a directory", "none");
    const folder = split === "train" ? join("images", "train", directory!) : split;
    const rows = pairs.get(pair) ?? { folder, questions: [], answers: [] };
    rows.questions.push(sentence);
    rows.answers.push(label);
    pairs.set(pair, rows);
  }
  const rows: PlannedRow[] = [...pairs].map(([identifier, { folder, questions, answers }]) => ({
    images: [0, 1].map((i) => ({ name: `${identifier}-img${i}.png`, folders: [join(context.source, folder)] })),
    fields: { questions, answers, identifier },
    texts: questions.length,
  }));
  return { total: rows.length, each: () => rows };
}
