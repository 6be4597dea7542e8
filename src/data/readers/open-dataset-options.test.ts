/** The options of `openDataset`, for every format: cancellation, progress, and unknown names. */
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";

import { pack } from "tar-stream";
import { beforeEach, expect, test } from "vitest";

import type { DatasetSettings } from "./dataset-settings.js";
import { openDataset } from "./open-dataset.js";
import { complaint, fixtures, imageBytes, temporaryFolder } from "./tables.test-support.js";

let folder: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  await writeFile(join(folder, "x.jsonl"), '{"image": "0.png", "caption": "a"}');
  await writeFile(join(folder, "x.csv"), "image,caption\n0.png,a\n");
  for (const name of ["captions.arrow", "plain-none.parquet"]) await cp(join(fixtures, name), join(folder, name));
  const archive = pack();
  archive.entry({ name: "0.png" }, Buffer.from(imageBytes(0)));
  archive.finalize();
  await writeFile(join(folder, "x.tar"), Readable.from(archive));
});

const files = ["x.jsonl", "x.csv", "captions.arrow", "plain-none.parquet", "x.tar"];

test.each(files)("%s: an aborted signal rejects with its reason, whatever it is", async (file) => {
  const path = join(folder, file);
  for (const reason of [new Error("stopped"), "stopped", 7]) {
    await expect(openDataset(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const stop = new AbortController();
    const onProgress = () => stop.abort(reason);
    await expect(openDataset(path, { signal: stop.signal, onProgress })).rejects.toBe(reason);
  }
});

test.each(files)("%s: an error thrown by onProgress rejects the call", async (file) => {
  const error = new Error("thrown by the callback");
  const onProgress = () => {
    throw error;
  };
  await expect(openDataset(join(folder, file), { onProgress })).rejects.toBe(error);
});

test.each<[settings: object, options: object, message: string]>([
  [
    { spilt: "train" },
    {},
    'openDataset: expected one of the options path, format, columns, split, found "spilt". The nearest is split.',
  ],
  [{ format: "parqet" }, {}, "format: expected one of folder, sidecar, arrow, parquet"],
  [{ format: "parqet" }, {}, 'found "parqet". The nearest is parquet.'],
  [{ columns: { captoin: "text" } }, {}, "The nearest is caption."],
  [{ columns: { caption: 3 } }, {}, "columns: caption: expected the name of a column, found 3."],
  [{ columns: { caption: "captoin" } }, {}, "The nearest is caption."],
  [{ split: "vla" }, {}, "The nearest is val."],
  [{}, { onprogress: () => undefined }, "The nearest is onProgress."],
])("%j %j: %s", async (settings, options, message) => {
  const given = { path: join(folder, "captions.arrow"), ...settings } as DatasetSettings;
  expect(await complaint(folder, openDataset(given, options))).toContain(message);
});
