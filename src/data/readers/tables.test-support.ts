/** Temporary folders, images as `fixtures/make.py` makes them, and helpers to read data sets. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { onTestFinished } from "vitest";

import { InputError } from "../../errors.js";
import type { Dataset } from "../dataset.js";
import { openDataset } from "./open-dataset.js";
import type { DatasetSettings, OpenOptions } from "./dataset-settings.js";

export const fixtures = join(import.meta.dirname, "fixtures");

/** A folder that is removed when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-tables-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The bytes that stand for image `i`. */
export function imageBytes(i: number): Uint8Array {
  return Uint8Array.from({ length: 100 + 13 * i }, (_, k) => (i * 31 + k * 7) % 251);
}

/** A data set that is closed when the test is over. */
export async function opened(given: string | DatasetSettings, options?: OpenOptions): Promise<Dataset> {
  const dataset = await openDataset(given, options);
  onTestFinished(() => dataset.close());
  return dataset;
}

/** The images of a row. */
export async function imagesOf(dataset: Dataset, row: number): Promise<Uint8Array[]> {
  return Promise.all(dataset.images(row).map(async (source) => new Uint8Array(await source.read())));
}

/** The message of the InputError that `action` fails with, without this folder; any other outcome throws. */
export async function complaint(folder: string, action: Promise<unknown>): Promise<string> {
  const outcome: unknown = await action.catch((error: unknown) => error);
  if (!(outcome instanceof InputError)) throw new Error("expected an InputError", { cause: outcome });
  return outcome.message.replaceAll(`${folder}/`, "").replaceAll(folder, ".");
}
