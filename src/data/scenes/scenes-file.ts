/**
 * A small JSON document that names composed scenes as a data set:
 *
 *   { "sprites": "../.sprites", "split": "val", "kind": "scenes", "seed": 7, "rows": 1024, "size": 96, "first": 0 }
 */
import { fileError } from "../../files/index.js";
import { open, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { z } from "zod";

import { InputError, nearestNames } from "../../errors.js";
import type { Dataset } from "../dataset.js";
import { kinds } from "./facts.js";
import { sceneDataset, sceneRows } from "./scene-dataset.js";
import { SceneSource } from "./scene-source.js";
import { splitNamed, splits } from "./splits.js";
import { loadSprites } from "./sprites/index.js";
import { captionContents } from "./texts/caption.js";
import { readVocabulary } from "./vocabulary/vocabulary.js";

/** How the names of such documents end. */
export const scenesEnding = ".scenes.json";

/** Bytes. */
const largest = 64 * 1024;

const whole = (least: number, most: number) => z.number().int().min(least).max(most);

const schema = z
  .strictObject({
    sprites: z.string().min(1),
    split: z.string(),
    kind: z.enum(sceneRows).default("scenes"),
    arrangements: z.array(z.enum(kinds)).min(1).optional(),
    captions: z.enum(captionContents).default("all"),
    seed: whole(0, Number.MAX_SAFE_INTEGER),
    rows: whole(1, 2 ** 24),
    size: whole(16, 1024),
    first: whole(0, 2 ** 52).default(0),
  })
  .refine(({ kind, arrangements }) => kind === "scenes" || arrangements === undefined, {
    path: ["arrangements"],
  })
  .refine(({ kind, captions }) => kind === "scenes" || captions === "all", {
    path: ["captions"],
  });

type ScenesDocument = z.infer<typeof schema>;

/** What the fields hold, in words. */
const wanted: Readonly<Record<keyof ScenesDocument, string>> = {
  sprites: "the folder that scripts/make-sprites.ts wrote, from the folder of this file on",
  split: `one of ${splits.join(", ")}`,
  kind: sceneRows.join(" or "),
  arrangements: `a list of some of ${kinds.join(", ")}; of pairs all are drawn`,
  captions: `${captionContents.join(" or ")}; those of pairs tell all`,
  seed: "a whole number, 0 to 2^53 - 1",
  rows: "a whole number, 1 to 2^24",
  size: "a whole number of pixels, 16 to 1024",
  first: "the number of the first scene, 0 to 2^52",
};

const hint = 'Write it like { "sprites": ".sprites", "split": "val", "seed": 7, "rows": 1024, "size": 96 }';

export interface ScenesOptions {
  /** What the user called the data set; the path where it is not given. */
  readonly name?: string;
  /** The split that the user asked for, if any. */
  readonly split?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The scenes that a document describes. Each data set has its sprites to itself: 270 MB and a second to open.
 * @throws InputError when the document is wrong, describes another split than `split`, or its sprites are not there
 * @example
 * const dataset = await openScenes("val.scenes.json");
 */
export async function openScenes(path: string, { name = path, split, signal }: ScenesOptions = {}): Promise<Dataset> {
  const document = checked(path, await readDocument(path));
  const { seed, size, rows, kind, first, arrangements, captions } = document;
  const known = splitNamed(document.split, `${path}, split`);
  if (split !== undefined && split !== known) {
    const expected = `no other split than ${known}, which the file names itself`;
    const hint = "Leave out the split, or name a file of that split";
    throw new InputError({ code: "invalid-setting", where: path, expected, found: JSON.stringify(split), hint });
  }
  signal?.throwIfAborted();
  const vocabulary = readVocabulary();
  const sprites = await loadSprites(resolve(dirname(path), document.sprites), vocabulary);
  signal?.throwIfAborted();
  const options = { size, split: known, seed, captions, ...(arrangements === undefined ? {} : { arrangements }) };
  const source = about(path, () => new SceneSource(sprites, vocabulary, options));
  return { ...sceneDataset(source, { rows, kind, first }), name };
}

/** What `make` gives; its error about a field of the document names the document, too. */
function about<T>(path: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError({ ...error.toJSON(), where: `${path}, ${error.where}` }, { cause: error });
  }
}

async function readDocument(path: string): Promise<unknown> {
  const bytes = await firstBytes(path, largest + 1);
  if (bytes.length > largest) {
    const expected = "a description of scenes, at most 64 KiB";
    throw new InputError({ code: "file-too-large", where: path, expected, found: "a longer file", hint });
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new InputError(
      { code: "invalid-json", where: path, expected: "a JSON document", found: "something else", hint },
      { cause },
    );
  }
}

/** Of a regular file: opening a pipe would wait for somebody to write to it. */
async function firstBytes(path: string, most: number): Promise<Uint8Array> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) {
      const found = stats.isDirectory() ? "a folder" : "something that is not a regular file";
      throw new InputError({ code: "file-unreadable", where: path, expected: "a file", found, hint: "Check the path" });
    }
    const handle = await open(path, "r");
    try {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(most), 0, most, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(path, error);
  }
}

/** @throws InputError about the first thing that is wrong */
function checked(path: string, value: unknown): ScenesDocument {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const fields = Object.keys(wanted);
  // Of several issues, a name that is no field tells more than the field that is missing for it.
  const { issues } = result.error;
  const unknown = issues.find((issue) => issue.code === "unrecognized_keys")?.keys[0];
  if (unknown !== undefined) {
    const near = nearestNames(unknown, fields);
    const found = short(unknown);
    const hint = near.length === 0 ? "Leave it out" : `Did you mean ${near.join(" or ")}`;
    throw new InputError({
      code: "invalid-setting",
      where: path,
      expected: `only the fields ${fields.join(", ")}`,
      found,
      hint,
    });
  }
  const field = fields.find((name) => name === issues[0]?.path[0]);
  if (field === undefined) {
    throw new InputError({ code: "invalid-json", where: path, expected: "a JSON object", found: short(value), hint });
  }
  const given = (value as Readonly<Record<string, unknown>>)[field];
  throw new InputError({
    code: "invalid-setting",
    where: `${path}, ${field}`,
    expected: wanted[field as keyof ScenesDocument],
    found: given === undefined ? "nothing" : short(given),
    hint,
  });
}

/** As JSON, its beginning where it is long. */
function short(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
