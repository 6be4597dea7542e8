/** SNLI-VE (Xie et al., 2019): whether an image of Flickr30K entails a hypothesis. */
import { z } from "zod";
import { checkedRecord, plainId, findFile, findFolders } from "./source-files.js";
import type { Value } from "./arrow-writer.js";
import type { PlannedRow, PlannedRows, Converter, PrepareContext } from "./converter.js";
import { jsonLines } from "./source-lines.js";

const labels = { contradiction: 0, neutral: 1, entailment: 2 } as const;

const pairSchema = z.object({
  Flickr30K_ID: plainId,
  sentence1: z.string(),
  sentence2: z.string(),
  gold_label: z.enum(["contradiction", "neutral", "entailment"]),
});

export const snli: Converter = {
  splits: ["train", "dev", "test"],
  tables: async (context) => {
    const folders = await findFolders(context.source, ["flickr30k-images"]);
    return Promise.all(
      context.splits.map(async (split) => {
        const name = `snli_ve_${split}.jsonl`;
        const file = await findFile(context.source, [`snli_ve/${name}`, name]);
        return {
          file: `snli_${split}.arrow`,
          columns: { image: "binary", sentences: { list: { list: "string" } }, labels: { list: "int64" } },
          sources: [file],
          what: "pairs of sentences",
          load: () => load(context, file, folders),
        };
      }),
    );
  },
};

async function load(context: PrepareContext, file: string, folders: readonly string[]): Promise<PlannedRows> {
  const images = new Map<string, { readonly sentences: Value[]; readonly labels: number[] }>();
  for await (const { number: line, value } of jsonLines(file, context)) {
    const pair = checkedRecord(pairSchema, value, file, `line ${line}`);
    const image = images.get(pair.Flickr30K_ID) ?? { sentences: [], labels: [] };
    image.sentences.push([pair.sentence1, pair.sentence2]);
    image.labels.push(labels[pair.gold_label]);
    images.set(pair.Flickr30K_ID, image);
  }
  const rows: PlannedRow[] = [...images].map(([id, fields]) => ({
    images: [{ name: `${id}.jpg`, folders }],
    fields: { ...fields },
    texts: fields.labels.length,
  }));
  return { total: rows.length, each: () => rows };
}
