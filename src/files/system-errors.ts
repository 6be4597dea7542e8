/** Errors of the file system, formatted for users: the one table of their codes. */

import { InputError } from "../errors.js";

const descriptions: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EISDIR: "a folder",
  ENOTDIR: "a path that leads through a file",
  ELOOP: "symbolic links in a circle",
  EACCES: "a file that this user may not open",
  EPERM: "a file that this user may not open",
  ENOSPC: "a full disk",
  EDQUOT: "a full quota",
  EROFS: "a disk that is read-only",
  ENAMETOOLONG: "a path that is too long",
  EMFILE: "too many files open already",
  ERR_INVALID_ARG_VALUE: "a path with a zero byte",
};

export interface FileErrorOptions {
  /** The failed action. Default "read". */
  readonly action?: "read" | "write";
  /** The expected file. Default "a file that can be read" or "a file that can be written". */
  readonly expected?: string;
  /** Default "Check the path and its permissions". */
  readonly hint?: string;
}

/**
 * The error of a system call as an InputError about `path`. Any other error is returned unchanged.
 *
 * @example
 * await readdir(folder).catch((error: unknown) => {
 *   throw fileError(folder, error, { expected: "a folder that can be read" });
 * });
 */
export function fileError(path: string, error: unknown, options: FileErrorOptions = {}): unknown {
  const { action = "read", hint = "Check the path and its permissions" } = options;
  const code = systemCode(error);
  if (code === undefined) return error;
  const otherwise = action === "read" ? "file-unreadable" : "file-not-writable";
  const needsRoom = code === "ENOSPC" || code === "EDQUOT" || code === "EROFS";
  const ordinary = action === "read" ? "a file that can be read" : "a file that can be written";
  return new InputError(
    {
      code: InputError.fileCode(code, otherwise),
      where: path,
      expected: needsRoom ? "room to write" : (options.expected ?? ordinary),
      found: descriptions[code] ?? `system error ${code}`,
      hint,
    },
    { cause: error },
  );
}

/** The code of a system error, such as `ENOENT`; undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return "syscall" in error || error.code === "ERR_INVALID_ARG_VALUE" ? error.code : undefined;
}
