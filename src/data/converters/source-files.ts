/** The files of a published data set: found in the authors' folders or directly in the given one, and their records validated. */
import { join } from "node:path";
import { z } from "zod";
import { InputError } from "../../errors.js";
import { isFile, isFolder } from "../../files/index.js";

/**
 * The first of these files that exists.
 * @param names paths below `source`, the authors' own first
 * @throws InputError listing all of them
 */
export async function findFile(source: string, names: readonly string[]): Promise<string> {
  const found = await findFileIfPresent(source, names);
  if (found !== undefined) return found;
  const expected = names.length === 1 ? names[0]! : `one of ${names.join(", ")}`;
  const hint = "Put it there, or choose other splits with --split (see bridgetower prepare --help)";
  throw new InputError({ code: "file-not-found", where: source, expected, found: "no such file", hint });
}

export async function findFileIfPresent(source: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const path = join(source, name);
    if (await isFile(path)) return path;
  }
  return undefined;
}

/**
 * The folders that exist.
 * @throws InputError if none does
 */
export async function findFolders(source: string, names: readonly string[]): Promise<string[]> {
  const there = await Promise.all(names.map((name) => isFolder(join(source, name))));
  const folders = names.filter((_, i) => there[i]).map((name) => join(source, name));
  if (folders.length > 0) return folders;
  const expected = `a folder with the images: ${names.join(" or ")}`;
  const hint = "Unpack the images there (see bridgetower prepare --help)";
  throw new InputError({ code: "file-not-found", where: source, expected, found: "none", hint });
}

/** Whether `name` has no path: annotations are untrusted and must not reach other folders. */
export function isPlainName(name: string): boolean {
  // eslint-disable-next-line no-control-regex -- a zero byte ends a path
  return name !== "" && name !== "." && name !== ".." && name.length <= 255 && !/[/\\\x00]/.test(name);
}

const notPlain = { error: "Invalid input: expected a name without a path" };

/** The name of a file or folder, without a path. */
export const plainName = z.string().refine(isPlainName, notPlain);

/** A number or a text that is part of a path. */
export const plainId = z
  .union([z.string(), z.int()], { error: "Invalid input: expected a name or a number" })
  .transform(String)
  .refine(isPlainName, notPlain);

/**
 * The record with the fields of the schema.
 * @param place of the record in its file, such as "line 3"
 * @throws InputError naming the first invalid field
 */
export function checkedRecord<T>(schema: z.ZodType<T>, value: unknown, file: string, place: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue === undefined || issue.path.length === 0 ? "the record" : issue.path.map(String).join(".");
  const [words = "", received] = (issue?.message ?? "").split(", received ");
  const expected = `${path} to be ${words.replace(/^[^:]*: expected /, "")}`;
  const found = received ?? "something else";
  throw new InputError({
    code: "invalid-dataset",
    where: `${file}, ${place}`,
    expected,
    found,
    hint: "Use the file as it was published",
  });
}

/** The error for a record that is valid by itself but does not fit the rest of its file. */
export function recordProblem(file: string, place: string, expected: string, found: string): InputError {
  return new InputError({
    code: "invalid-dataset",
    where: `${file}, ${place}`,
    expected,
    found,
    hint: "Use the file as it was published",
  });
}
