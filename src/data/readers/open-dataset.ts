/** Opens a data set of any format. */

import {
  callbackType,
  checkArgument,
  checkOptions,
  objectType,
  oneOf,
  signalType,
  stringType,
  either,
  type OptionTypes,
} from "../../arguments.js";
import { InputError } from "../../errors.js";
import { guarded, type Dataset } from "../dataset.js";
import { findFiles } from "./detect.js";
import { joinDatasets } from "./join-datasets.js";
import { OpenFiles } from "./open-files.js";
import { checkColumnNames, listed } from "./column-roles.js";
import { type DatasetFormat, datasetFormats, type DatasetSettings, type OpenOptions } from "./dataset-settings.js";
import { ReadCounts } from "./read-counts.js";
import { type ReaderInput, SplitFilter } from "./reader.js";

type Reader = (input: ReaderInput) => Promise<Dataset>;

/** Loads the reader of a format, with the packages that it needs. */
const readers: Readonly<Record<DatasetFormat, () => Promise<Reader>>> = {
  folder: async () => (await import("./captions/caption-table.js")).openCaptionTable,
  sidecar: async () => (await import("./sidecar/sidecar-dataset.js")).openSidecars,
  arrow: async () => eachFile((await import("./arrow/arrow-dataset.js")).openArrow),
  parquet: async () => eachFile((await import("./parquet/parquet-dataset.js")).openParquet),
  webdataset: async () => (await import("./webdataset/webdataset.js")).openWebDataset,
};

const datasetSettings: OptionTypes<DatasetSettings> = {
  path: stringType,
  format: oneOf(datasetFormats),
  columns: objectType,
  split: stringType,
};
const openOptions: OptionTypes<OpenOptions> = { onProgress: callbackType, signal: signalType };

/**
 * A data set by its path: a table of captions or its folder, a folder of images with text files beside them, Arrow or Parquet files,
 * WebDataset archives. Texts are in memory
 * afterwards, images stay in their files until they are read. Close it after use,
 * or open it with `await using`.
 * `report` counts what was left out or merged.
 * @throws InputError when files are missing, of an unknown or a damaged format, or hold no rows; the signal's reason when aborted
 * @example
 * await using dataset = await openDataset("examples/images");
 * console.log(dataset.rows); // 12
 * console.log(dataset.texts(0).captions[0]); // an angel between a traffic light and a snowman
 * const bytes = await dataset.images(0)[0]!.read();
 */
export async function openDataset(given: string | DatasetSettings, options: OpenOptions = {}): Promise<Dataset> {
  checkArgument("data set", given, { ...either(stringType, objectType), expected: "a path, or an object with a path" });
  const settings = typeof given === "string" ? { path: given } : given;
  checkSettings(settings);
  checkOptions("openDataset", options, openOptions);
  options.signal?.throwIfAborted();
  const { format, paths, rowSplit } = await findFiles(settings);
  const files = new OpenFiles();
  try {
    const split = new SplitFilter(settings.path, rowSplit);
    const counts = new ReadCounts();
    const dataset = await (
      await readers[format]()
    )({
      name: settings.path,
      paths,
      columns: settings.columns ?? {},
      split,
      counts,
      files,
      onProgress: options.onProgress ?? (() => undefined),
      signal: options.signal,
    });
    options.signal?.throwIfAborted();
    split.finish();
    if (dataset.rows === 0) throw noRows(settings.path, counts);
    const { mixed } = split;
    if (mixed !== undefined) counts.note(`rows of several splits are read together: ${listed(mixed)}`);
    return guarded({
      ...dataset,
      report: counts.report(),
      ...(mixed === undefined ? {} : { mixedSplits: mixed }),
      close: () => files.close(),
    });
  } catch (error) {
    await files.close();
    throw error;
  }
}

function noRows(where: string, counts: ReadCounts): InputError {
  const { recordsWithoutImage } = counts.report();
  const expected = "at least one row with an image";
  if (counts.otherEndings !== undefined) {
    const found = `files with the endings ${counts.otherEndings}`;
    const hint = "Give the files of a sample the same name up to the first dot: KEY.jpg, KEY.txt, KEY.json";
    return new InputError({ code: "missing-data", where, expected, found, hint });
  }
  const found = recordsWithoutImage === 0 ? "none" : `${recordsWithoutImage} samples without an image`;
  return new InputError({ code: "missing-data", where, expected, found, hint: "Check that it is the right file" });
}

function checkSettings(settings: DatasetSettings): void {
  checkOptions("openDataset", settings, datasetSettings);
  checkArgument("path", settings.path, stringType);
  if (settings.columns !== undefined) checkColumnNames(settings.columns);
}

/** Reads each of several files separately. Progress is in thousandths of the total. */
function eachFile(open: Reader): Reader {
  return async (input) => {
    if (input.paths.length === 1) return open(input);
    const datasets: Dataset[] = [];
    for (const [i, path] of input.paths.entries()) {
      const onProgress = (done: number, total: number) => {
        const share = total === 0 ? 1 : done / total;
        input.onProgress(Math.floor((1000 * (i + share)) / input.paths.length), 1000);
      };
      datasets.push(await open({ ...input, paths: [path], onProgress }));
    }
    return joinDatasets(input.name, datasets);
  };
}
