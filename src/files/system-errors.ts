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
  ENFILE: "too many files open already",
  EIO: "an error of the disk or the network drive (EIO)",
  ESTALE: "a file that its network drive has lost (ESTALE)",
  ERR_INVALID_ARG_VALUE: "a path with a zero byte",
};

/** What the user can do, if it is not about the path. */
const hints: Readonly<Record<string, string>> = {
  ENOSPC: "Free space on this disk, then run it again",
  EDQUOT: "Free space below the quota, then run it again",
  EROFS: "Name a folder on a disk that can be written",
  EMFILE: "Raise the limit of open files (ulimit -n) or close other programs, then run it again",
  ENFILE: "Close other programs, then run it again",
  EIO: "Check the disk or the network drive, then run it again",
  ESTALE: "Check the network drive, then run it again",
};

/** Codes of a name that nothing has. */
const absentCodes: ReadonlySet<string> = new Set([
  "ENOENT",
  "ENOTDIR",
  "ENAMETOOLONG",
  "ELOOP",
  "ERR_INVALID_ARG_VALUE",
]);

export interface FileErrorOptions {
  /** The failed action. Default "read". */
  readonly action?: "read" | "write";
  /** The expected file. Default "a file that can be read" or "a file that can be written". */
  readonly expected?: string;
  /** Default what fits the error, or "Check the path and its permissions". */
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
  const { action = "read" } = options;
  const code = systemCode(error);
  if (code === undefined) return error;
  const hint = options.hint ?? hints[code] ?? "Check the path and its permissions";
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

/** Whether an error of the system, or an InputError made of one, says that there is no such file. */
export function isAbsence(error: unknown): boolean {
  return absentCodes.has(codeBehind(error) ?? "");
}

/**
 * Whether an error, or an InputError made of one, is about the machine and may be gone at the next try. The file itself may be fine, so it
 * must not count as missing or damaged.
 */
export function isSystemFailure(error: unknown): boolean {
  const code = codeBehind(error);
  return code !== undefined && code in hints;
}

const codeBehind = (error: unknown): string | undefined =>
  error instanceof InputError ? codeBehind(error.cause) : systemCode(error);

/**
 * The same error about the final path of a file that is written in a hidden folder.
 * @param hidden the path of that folder
 */
export function underFinalName(error: unknown, hidden: string, final: string): unknown {
  if (!(error instanceof InputError) || !error.where.startsWith(hidden)) return error;
  return new InputError({ ...error.toJSON(), where: final + error.where.slice(hidden.length) }, { cause: error.cause });
}
