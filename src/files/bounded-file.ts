/** Reading files from strangers whole, but never more than a given number of bytes, with every failure worded. */
import { readFile, stat } from "node:fs/promises";
import { InputError } from "../errors.js";

/**
 * The content of a regular file.
 * @param expected what the user meant to name, for errors: "an image file"
 * @throws InputError no such file, not a regular file, unreadable, or larger than `maxBytes`
 */
export async function readBoundedFile(where: string, expected: string, maxBytes: number): Promise<Uint8Array> {
  try {
    // Asked before opening, because opening a pipe waits for somebody to write to it.
    const status = await stat(where);
    if (!status.isFile()) {
      const found = status.isDirectory() ? "a folder" : "something that is no regular file";
      throw new InputError({ code: "file-unreadable", where, expected, found, hint: "Name a file" });
    }
    if (status.size > maxBytes) {
      throw new InputError({
        code: "file-too-large",
        where,
        expected: `${expected} of at most ${maxBytes} bytes`,
        found: `${status.size} bytes`,
      });
    }
    return await readFile(where);
  } catch (cause) {
    throw cause instanceof InputError ? cause : fileProblem(where, expected, cause);
  }
}

/** `readBoundedFile`, or undefined where there is no such file. */
export async function readBoundedFileIfPresent(
  where: string,
  expected: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  try {
    return await readBoundedFile(where, expected, maxBytes);
  } catch (problem) {
    if (problem instanceof InputError && systemCode(problem.cause) === "ENOENT") return undefined;
    throw problem;
  }
}

function fileProblem(where: string, expected: string, cause: unknown): InputError {
  const code = systemCode(cause) ?? "unknown reason";
  const found = systemWords.get(code) ?? `a file that cannot be read (${code})`;
  return new InputError(
    { code: InputError.fileCode(code), where, expected, found, hint: "Check the path and its permissions" },
    { cause },
  );
}

const systemWords: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "nothing there"],
  ["ENOTDIR", "nothing there"],
  ["EACCES", "a file without permission to read"],
  ["EPERM", "a file without permission to read"],
  ["ENAMETOOLONG", "a path too long for this system"],
  ["ELOOP", "symbolic links in a circle"],
  ["ERR_INVALID_ARG_VALUE", "a path with a zero byte"],
]);

function systemCode(cause: unknown): string | undefined {
  const code: unknown = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? code : undefined;
}
