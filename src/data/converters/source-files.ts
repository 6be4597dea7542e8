/** Where the files of a published data set are: their places in the authors' folders, or flat in the folder that is named. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../errors.js";

/** Bytes of a regular file. @throws InputError when there is none */
export async function fileSize(path: string): Promise<number> {
  const stats = await stat(path).catch((cause: unknown) => {
    throw new InputError(
      { code: "file-not-found", where: path, expected: "a file that can be read", found: "none" },
      { cause },
    );
  });
  if (!stats.isFile())
    throw new InputError({ code: "file-unreadable", where: path, expected: "a file", found: "something else" });
  return stats.size;
}

/**
 * The first of these files that is there.
 * @param names paths below `source`, the authors' own place first
 * @throws InputError that names them all
 */
export async function findFile(source: string, names: readonly string[]): Promise<string> {
  const found = await findFileIfPresent(source, names);
  if (found !== undefined) return found;
  const expected = names.length === 1 ? names[0]! : `one of ${names.join(", ")}`;
  const hint = "Put it there, or leave out what needs it with --split (see bridgetower prepare --help)";
  throw new InputError({ code: "file-not-found", where: source, expected, found: "no such file", hint });
}

export async function findFileIfPresent(source: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const path = join(source, name);
    if ((await stat(path).catch(() => undefined))?.isFile() === true) return path;
  }
  return undefined;
}

/**
 * Those of these folders that are there.
 * @throws InputError when none is
 */
export async function findFolders(source: string, names: readonly string[]): Promise<string[]> {
  const there = await Promise.all(
    names.map(async (name) => (await stat(join(source, name)).catch(() => undefined))?.isDirectory() === true),
  );
  const folders = names.filter((_, i) => there[i]).map((name) => join(source, name));
  if (folders.length > 0) return folders;
  const expected = `a folder with the images: ${names.join(" or ")}`;
  const hint = "Unpack the images there (see bridgetower prepare --help)";
  throw new InputError({ code: "file-not-found", where: source, expected, found: "none", hint });
}

/** Whether `name` can only be a file in the folder that it is looked for in: annotations must not reach other files. */
export function isPlainName(name: string): boolean {
  // eslint-disable-next-line no-control-regex -- a zero byte ends a path
  return name !== "" && name !== "." && name !== ".." && name.length <= 255 && !/[/\\\x00]/.test(name);
}
