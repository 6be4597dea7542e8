/** A folder of images with their captions beside them, as tools for training and img2dataset write it: `a.jpg`, `a.txt`. */

import { extname, join } from "node:path";

import { readBytes, refuseStandIn } from "../../../files/index.js";
import type { Dataset, RowTexts } from "../../dataset.js";
import { RecordColumns } from "../column-roles.js";
import { readImage } from "../image-file.js";
import { TextPool } from "../packed-columns.js";
import { type ReaderInput, tableDataset } from "../reader.js";
import { hasTexts, joinTexts, RowStore } from "../row-store.js";
import { rowTexts } from "../row-texts.js";
import { RowValues } from "../row-values.js";
import { maxTextBytes, sampleFields, sampleText } from "../sample-text.js";
import { findSidecars, type Sidecar, sidecarEndings } from "./sidecar-files.js";

/** Images whose texts are read at the same time. */
const concurrency = 32;

/**
 * One row for each image below the folder. Each line of `a.txt` and `a.caption` that is not blank is a caption of `a.jpg`; `a.json` has the
 * fields of a row of JSON Lines. An image without such a file is a row without text.
 * @throws InputError naming the file if a text cannot be read or is invalid
 */
export async function openSidecars(input: ReaderInput): Promise<Dataset> {
  const folder = input.paths[0]!;
  const { counts, signal } = input;
  const { sidecars, others, undecoded } = await findSidecars(folder, signal);
  const columns = new RecordColumns(input.columns);
  const [store, names] = [new RowStore(), new TextPool()];
  let long = 0;
  for (let start = 0; start < sidecars.length; start += concurrency) {
    signal?.throwIfAborted();
    const part = sidecars.slice(start, start + concurrency);
    const contents = await Promise.all(part.map((sidecar) => readTexts(folder, sidecar)));
    for (const [i, files] of contents.entries()) {
      const texts = textsOf(files, columns, input);
      if (texts === undefined) continue;
      const { image } = part[i]!;
      counts.add("records");
      if (!hasTexts(texts)) counts.add("recordsWithoutText", () => join(folder, image));
      long += files.filter(({ lines }) => lines.length > 1).length;
      names.add(image);
      store.add(texts);
    }
    input.onProgress(Math.min(start + concurrency, sidecars.length), sidecars.length);
  }
  columns.finish(folder);
  for (const name of [...undecoded, ...others]) counts.addOther(extname(name), () => join(folder, name));
  counts.add("repeatedCaptions", undefined, store.repeatedCaptions);
  if (long > 0)
    counts.note(`${long === 1 ? "1 text file has" : `${long} text files have`} several captions, one a line`);
  return tableDataset({
    name: input.name,
    store,
    images: (row) => {
      const name = join(folder, names.at(row));
      return [{ name, read: () => readImage(name) }];
    },
  });
}

/** A text file of an image. */
interface TextFile {
  readonly where: string;
  /** The captions, one a line; empty for JSON. */
  readonly lines: readonly string[];
  /** The content of a JSON file. */
  readonly json?: string;
}

async function readTexts(folder: string, { texts }: Sidecar): Promise<TextFile[]> {
  const files: TextFile[] = [];
  for (const ending of sidecarEndings) {
    const name = texts[ending];
    if (name === undefined) continue;
    const where = join(folder, name);
    const text = await readText(where);
    const lines = text.split(/[\r\n]+/).flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
    files.push(ending === "json" ? { where, lines: [], json: text } : { where, lines });
  }
  return files;
}

/** The texts of an image; undefined if it belongs to another split. */
function textsOf(
  files: readonly TextFile[],
  columns: RecordColumns,
  { counts, split }: ReaderInput,
): RowTexts | undefined {
  const file = files.find(({ json }) => json !== undefined);
  const record = file === undefined ? {} : sampleFields(file.where, file.json!);
  const row = new RowValues(columns.of(record), record, () => file?.where ?? "", counts);
  if (!split.keeps(row.get("split"))) return undefined;
  for (const { where, lines, json } of files) {
    if (json === undefined && lines.length === 0) counts.add("emptyCaptions", () => where);
  }
  const captions = files.flatMap(({ lines }) => lines);
  const plain = { captions, questions: [], hypotheses: [], statements: [], negatives: [] };
  return joinTexts([plain, rowTexts(row, false)]);
}

async function readText(path: string): Promise<string> {
  const bytes = await readBytes(path, { maxBytes: maxTextBytes, expected: "a text" });
  refuseStandIn(bytes, path, "a text");
  return sampleText(path, bytes);
}
