/** COCO and Flickr30K with the splits of Karpathy and Fei-Fei (CVPR 2015): about five captions for each image. */
import { z } from "zod";
import { checkedRecord, plainName, recordProblem, findFile, findFolders } from "./source-files.js";
import type { Columns } from "./arrow-writer.js";
import { jsonElements } from "../readers/json-elements.js";
import type { PlannedRow, PlannedRows, Converter, PrepareContext, Table } from "./converter.js";

const imageSchema = z.object({
  filename: plainName,
  split: z.string(),
  sentences: z.array(z.object({ raw: z.string() })),
});

/** Columns of all tables of images with captions. */
export const captionColumns = {
  image: "binary",
  caption: { list: "string" },
  image_id: "string",
  split: "string",
} satisfies Columns;

interface Layout {
  /** Prefix of the names of the tables. */
  readonly name: string;
  readonly annotations: string;
  readonly folders: readonly string[];
}

export const coco: Converter = {
  splits: ["train", "restval", "val", "test"],
  tables: (context) =>
    tables(context, {
      name: "coco_caption_karpathy",
      annotations: "dataset_coco.json",
      folders: ["train2014", "val2014"],
    }),
};

export const f30k: Converter = {
  splits: ["train", "val", "test"],
  tables: (context) =>
    tables(context, {
      name: "f30k_caption_karpathy",
      annotations: "dataset_flickr30k.json",
      folders: ["flickr30k-images"],
    }),
};

async function tables(context: PrepareContext, { name, annotations, folders }: Layout): Promise<Table[]> {
  const file = await findFile(context.source, [`karpathy/${annotations}`, annotations]);
  const images = await findFolders(context.source, folders);
  return context.splits.map((split) => ({
    file: `${name}_${split}.arrow`,
    columns: captionColumns,
    sources: [file],
    what: `images of the split ${split} with captions`,
    load: () => load(context, file, images, split),
  }));
}

async function load(
  context: PrepareContext,
  file: string,
  folders: readonly string[],
  split: string,
): Promise<PlannedRows> {
  const rows: PlannedRow[] = [];
  const seen = new Set<string>();
  for await (const { index, value } of jsonElements(file, { key: "images", ...context })) {
    const place = `image ${index}`;
    const image = checkedRecord(imageSchema, value, file, place);
    if (seen.has(image.filename)) throw recordProblem(file, place, "each image once", `${image.filename} again`);
    seen.add(image.filename);
    const captions = image.sentences.map(({ raw }) => raw);
    if (image.split !== split || captions.length === 0) continue;
    rows.push({
      images: [{ name: image.filename, folders }],
      fields: { caption: captions, image_id: image.filename, split },
      texts: captions.length,
    });
  }
  return { total: rows.length, each: () => rows };
}
