/** The folder that `npm run emoji:sprites` writes: `sprites.json` lists the images of `sprites.rgba`. */
import { open, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { InputError } from "bridgetower";
import type { Vocabulary } from "../vocabulary/vocabulary.js";
import { type SpriteEntry, type Sprites, spritesOf } from "./sprites.js";

const contentsSchema = z.object({
  /** Pixels, a multiple of 4: two levels of half the size follow. */
  edge: z.number().int().min(16).max(512).multipleOf(4),
  /** The packages of the art. */
  sources: z.array(z.string()),
  entries: z.array(z.object({ set: z.string(), codePoint: z.string() })).max(100_000),
});

export type SpriteContents = z.infer<typeof contentsSchema>;

const hint = "Make them with npm run emoji:sprites";

/** @throws InputError if the folder is missing or its files do not fit together */
export async function loadSprites(folder: string, vocabulary: Vocabulary): Promise<Sprites> {
  const [index, data] = [join(folder, "sprites.json"), join(folder, "sprites.rgba")];
  const { edge, entries } = await readContents(index);
  const expected = entries.length * edge * edge * 4;
  const size = await stat(data).then((found) => found.size, missing(data));
  if (size !== expected) {
    const wanted = `${expected} bytes, for the ${entries.length} sprites of sprites.json`;
    throw new InputError({ code: "corrupt-file", where: data, expected: wanted, found: `${size} bytes`, hint });
  }
  const { buffer, byteOffset, length } = await readFile(data);
  const sprites = spritesOf(entries, { edge, pixels: new Uint8Array(buffer, byteOffset, length) }, vocabulary);
  if (sprites.sprites.length === 0) {
    throw new InputError({
      code: "missing-data",
      where: index,
      expected: "sprites of the vocabulary's nouns",
      found: "none",
      hint,
    });
  }
  return sprites;
}

async function readContents(index: string): Promise<SpriteContents> {
  const text = await readFile(index, "utf8").catch(missing(index));
  try {
    return contentsSchema.parse(JSON.parse(text));
  } catch (cause) {
    const expected = "the list of sprites that make-sprites writes";
    throw new InputError({ code: "corrupt-file", where: index, expected, found: "something else", hint }, { cause });
  }
}

const missing = (where: string) => (cause: unknown) => {
  throw new InputError(
    { code: "file-not-found", where, expected: "the sprites of the art sets", found: "no such file", hint },
    { cause },
  );
};

/** Writes both files under temporary names and renames them. @param images premultiplied RGBA, one an entry */
export async function writeSprites(
  folder: string,
  contents: Omit<SpriteContents, "entries"> & { readonly entries: readonly SpriteEntry[] },
  images: readonly Uint8Array[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const [index, data] = [join(folder, "sprites.json"), join(folder, "sprites.rgba")];
  const [newIndex, newData] = [`${index}.new`, `${data}.new`];
  try {
    const file = await open(newData, "w");
    try {
      for (const image of images) await file.writeFile(image);
    } finally {
      await file.close();
    }
    await writeFile(newIndex, JSON.stringify(contents));
    await rename(newData, data);
    await rename(newIndex, index);
  } finally {
    await Promise.all([newIndex, newData].map((file) => rm(file, { force: true })));
  }
}
