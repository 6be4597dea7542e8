/**
 * Composed scenes as a data set for settings files and programs:
 *
 *   { "module": "../dist/dataset.js", "options": { "split": "val", "seed": 7, "rows": 1024, "size": 96 } }
 */
import { InputError } from "bridgetower";
import type { Dataset } from "bridgetower/data";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { kinds } from "./facts.js";
import { sampledKinds, sceneDataset, sceneRows } from "./scene-dataset.js";
import { SceneSource } from "./scene-source.js";
import { splits } from "./splits.js";
import { loadSprites } from "./sprites/index.js";
import { captionContents } from "./texts/caption.js";
import { readVocabulary } from "./vocabulary/vocabulary.js";

/** The folder that `npm run emoji:sprites` writes, relative to `src` and to `dist`. */
export const spritesFolder = fileURLToPath(new URL("../../.sprites", import.meta.url));

const whole = (min: number, max: number) => z.number().int().min(min).max(max);

const schema = z
  .strictObject({
    sprites: z.string().min(1).default(spritesFolder),
    split: z.enum(splits),
    kind: z.enum(sceneRows).default("scenes"),
    arrangements: z.array(z.enum(kinds)).min(1).optional(),
    captions: z.enum(captionContents).default("all"),
    sampled: z.enum(sampledKinds).optional(),
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

export type ScenesOptions = z.input<typeof schema>;

/** The allowed values of each option, for errors. */
const expectedValues: Readonly<Record<keyof ScenesOptions, string>> = {
  sprites: "the folder that npm run emoji:sprites wrote",
  split: `one of ${splits.join(", ")}`,
  kind: sceneRows.join(" or "),
  arrangements: `a list of some of ${kinds.join(", ")}; pairs have all of them`,
  captions: `${captionContents.join(" or ")}; pairs have "all"`,
  sampled: sampledKinds.join(" or "),
  seed: "a whole number, 0 to 2^53 - 1",
  rows: "a whole number, 1 to 2^24",
  size: "a whole number of pixels, 16 to 1024",
  first: "the number of the first scene, 0 to 2^52",
};

const hint = 'Write them like { "split": "val", "seed": 7, "rows": 1024, "size": 96 }';

/**
 * The scenes that the options describe. Each data set loads the sprites for itself: 270 MB and a second.
 * @throws InputError if an option is invalid or there are no sprites
 * @example
 * const dataset = await openScenes({ split: "val", seed: 7, rows: 1024, size: 96 });
 */
export default async function openScenes(given: ScenesOptions): Promise<Dataset> {
  const {
    seed,
    size,
    rows,
    kind,
    first,
    arrangements,
    captions,
    sampled,
    split,
    sprites: folder,
  } = checkedOptions(given);
  const vocabulary = readVocabulary();
  const sprites = await loadSprites(folder, vocabulary);
  const source = new SceneSource(sprites, vocabulary, {
    size,
    split,
    seed,
    captions,
    arrangements,
  });
  return sceneDataset(source, { rows, kind, first, sampled });
}

/** @throws InputError for the first invalid option */
function checkedOptions(given: unknown): z.output<typeof schema> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const names = Object.keys(expectedValues) as (keyof ScenesOptions)[];
  // Reports an unknown name first: a missing option may be caused by it.
  const { issues } = result.error;
  const unknown = issues.find((issue) => issue.code === "unrecognized_keys")?.keys[0];
  if (unknown !== undefined) {
    const expected = `only the options ${names.join(", ")}`;
    throw new InputError({ code: "invalid-setting", where: "scenes", expected, found: shortened(unknown), hint });
  }
  const name = names.find((one) => one === issues[0]?.path[0]);
  if (name === undefined) {
    const expected = "an object with options";
    throw new InputError({ code: "invalid-setting", where: "scenes", expected, found: shortened(given), hint });
  }
  const value = (given as Readonly<Record<string, unknown>>)[name];
  throw new InputError({
    code: "invalid-setting",
    where: `${name} of the scenes`,
    expected: expectedValues[name],
    found: shortened(value),
    hint,
  });
}

/** As JSON, truncated if it is long. */
function shortened(value: unknown): string {
  const text = value === undefined ? "undefined" : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
