/** Records of source files, checked: a wrong one is named by file and place. */
import { z } from "zod";
import { InputError } from "../../errors.js";
import { isPlainName } from "./source-files.js";

const notPlain = { error: "Invalid input: expected a name without a path" };

/** The name of a file or folder, without a path. */
export const plainName = z.string().refine(isPlainName, notPlain);

/** A number or a text that is part of a path. */
export const plainId = z
  .union([z.string(), z.int()], { error: "Invalid input: expected a name or a number" })
  .transform(String)
  .refine(isPlainName, notPlain);

/**
 * The record, if it has the fields that are expected of it; others are left out.
 * @param place of the record in its file, such as «line 3»
 * @throws InputError that names the first field that is wrong
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

/** A record that may be right by itself and wrong in its file. */
export function recordProblem(file: string, place: string, expected: string, found: string): InputError {
  return new InputError({
    code: "invalid-dataset",
    where: `${file}, ${place}`,
    expected,
    found,
    hint: "Use the file as it was published",
  });
}
