/**
 * SBU (Ordonez et al., NIPS 2011) and Conceptual Captions (Sharma et al., ACL 2018): one caption for each image from the web. Some
 * images are no longer available. The column `split` is `train` or `val`; the authors' files have the name of a folder there.
 */
import { opendir } from "node:fs/promises";
import { z } from "zod";
import { checkedRecord, plainName, recordProblem, findFile, findFolders, isPlainName } from "./source-files.js";
import { jsonElements } from "../readers/json-elements.js";
import { captionColumns } from "./karpathy.js";
import {
  Problems,
  type PlannedRow,
  type PlannedRows,
  type Converter,
  type PrepareContext,
  type Table,
} from "./converter.js";
import { sourceLines } from "./source-lines.js";
import { tsvRecords } from "./tsv-records.js";
import { counted } from "./visual-genome.js";

export const sbu: Converter = {
  splits: [],
  sharded: true,
  tables: async (context) => {
    const file = await findFile(context.source, ["sbu-captions-all.json"]);
    const folders = await findFolders(context.source, ["SBU"]);
    return [
      {
        file: (shard) => `sbu_${shard}.arrow`,
        shardSize: context.shardSize,
        columns: captionColumns,
        sources: [file],
        what: "captions whose images are there",
        load: () => loadSbu(context, file, folders),
      },
    ];
  },
};

/** Like the authors', shards contain only available images: about one in seven of the million is gone. */
async function loadSbu(context: PrepareContext, file: string, folders: readonly string[]): Promise<PlannedRows> {
  const there = new Set<string>();
  for (const folder of folders) {
    for await (const entry of await opendir(folder)) if (!entry.isDirectory()) there.add(entry.name);
  }
  const names: string[] = [];
  for await (const { index, value } of jsonElements(file, { key: "image_urls", ...context })) {
    const url = checkedRecord(z.string(), value, file, `image_urls ${index}`);
    names.push(url.slice(url.lastIndexOf("/") + 1));
  }
  // If a name has two captions, the later one replaces the first, as in the authors' writer.
  const captions = new Map<string, string>();
  const absent = new Problems();
  let count = 0;
  for await (const { index, value } of jsonElements(file, { key: "captions", ...context })) {
    const caption = checkedRecord(z.string(), value, file, `captions ${index}`);
    const name = names[count++];
    if (name === undefined) continue;
    if (there.has(name) && isPlainName(name)) {
      if (captions.has(name))
        absent.add({ image: name, reason: "named by several captions, of which the last is used" });
      captions.set(name, caption);
    } else absent.add({ image: name, reason: "not there" });
  }
  if (count !== names.length)
    throw recordProblem(file, "captions", `${names.length}, one for each of image_urls`, `${count}`);
  return {
    total: captions.size,
    absent: absent.leftOut,
    each: function* () {
      for (const [name, caption] of captions) yield captioned(name, caption, folders, "train");
    },
  };
}

function captioned(name: string, caption: string, folders: readonly string[], split: string): PlannedRow {
  return { images: [{ name, folders }], fields: { caption: [caption], image_id: name, split }, texts: 1 };
}

const tsvNames: Readonly<Record<string, string>> = {
  train: "Train_GCC-training.tsv",
  val: "Validation_GCC-1.1.0-Validation.tsv",
};

export const cc: Converter = {
  splits: ["train", "val"],
  sharded: true,
  tables: (context) => Promise.all(context.splits.map((split) => conceptualCaptions(context, split))),
};

async function conceptualCaptions(context: PrepareContext, split: string): Promise<Table> {
  const tsv = tsvNames[split]!;
  const file = await findFile(context.source, [`utils/${tsv}`, tsv]);
  const list = await findFile(context.source, [`${split}_image_exist.txt`]);
  const folders = await findFolders(context.source, [`${split}_image`]);
  return {
    file: (shard) => `conceptual_caption_${split}_${shard}.arrow`,
    shardSize: context.shardSize,
    columns: captionColumns,
    sources: [file, list],
    what: `captions of the split ${split} with images`,
    load: async () => {
      const names = await existingImages(context, list);
      return counted(() => conceptualRows(context, file, list, names, folders, split));
    },
  };
}

/** The downloaded images by the row of their caption. */
async function existingImages(context: PrepareContext, list: string): Promise<ReadonlyMap<number, string>> {
  const names = new Map<number, string>();
  for await (const { number: line, text } of sourceLines(list, context)) {
    const path = text.trim();
    const name = checkedRecord(plainName, path.slice(path.lastIndexOf("/") + 1), list, `line ${line}`);
    const row = /^\d{1,9}(?=\.|$)/.exec(name)?.[0];
    if (row === undefined) throw recordProblem(list, `line ${line}`, "a file called after a row number", name);
    names.set(Number(row), name);
  }
  return names;
}

async function* conceptualRows(
  context: PrepareContext,
  file: string,
  list: string,
  names: ReadonlyMap<number, string>,
  folders: readonly string[],
  split: string,
): AsyncGenerator<PlannedRow> {
  let rows = 0;
  for await (const { row, fields } of tsvRecords(file, context)) {
    rows = row + 1;
    if (fields.length !== 2)
      throw recordProblem(file, `record ${row}`, "a caption and an address", `${fields.length} fields`);
    const name = names.get(row);
    if (name !== undefined) yield captioned(name, fields[0]!, folders, split);
  }
  const beyond = [...names].find(([row]) => row >= rows);
  if (beyond !== undefined)
    throw recordProblem(list, beyond[1], `a row number below ${rows}, as ${file} has`, `${beyond[0]}`);
}
