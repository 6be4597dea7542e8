import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { expect, onTestFinished, test } from "vitest";
import { InputError } from "../errors.js";
import { fileError, isFile, isFolder, isSystemFailure, readPieces, statIfPresent } from "./index.js";

const systemError = (code: string) => Object.assign(new Error(code), { code, syscall: "stat" });

/** `stat` of every path fails. */
function failStat(code: string): void {
  const { stat } = files;
  Object.assign(files, { stat: () => Promise.reject(systemError(code)) });
  syncBuiltinESMExports();
  onTestFinished(() => {
    Object.assign(files, { stat });
    syncBuiltinESMExports();
  });
}

test.each(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP"])("%s: nothing is there", async (code) => {
  failStat(code);
  expect(await statIfPresent("a")).toBeUndefined();
  expect([await isFile("a"), await isFolder("a")]).toEqual([false, false]);
});

test.each(["EIO", "EMFILE", "EACCES", "ESTALE"])(
  "%s: a file that may be there does not count as missing",
  async (code) => {
    failStat(code);
    for (const ask of [statIfPresent, isFile, isFolder]) {
      await expect(ask("a")).rejects.toMatchObject({ name: "InputError", code: "file-unreadable", where: "a" });
    }
  },
);

test.each([
  ["ENOSPC", "write", "disk-full", "a full disk", "Free space on this disk, then run it again"],
  ["EROFS", "write", "file-not-writable", "a disk that is read-only", "Name a folder on a disk that can be written"],
  ["EIO", "read", "file-unreadable", "an error of the disk or the network drive (EIO)", "Check the disk"],
  ["EMFILE", "read", "file-unreadable", "too many files open already", "Raise the limit of open files (ulimit -n)"],
] as const)("%s: the error says what to do", (system, action, code, found, hint) => {
  const error = fileError("a", systemError(system), { action });
  expect(error).toMatchObject({ code, where: "a", found });
  expect((error as InputError).hint).toContain(hint);
});

test("a failure of the system is known behind the errors made of it, and is none of the file", () => {
  const inner = fileError("a", systemError("EIO"));
  const outer = new InputError({ code: "invalid-image", where: "a", expected: "b", found: "c" }, { cause: inner });
  expect([inner, outer, systemError("EMFILE")].map(isSystemFailure)).toEqual([true, true, true]);
  expect([fileError("a", systemError("ENOENT")), new Error("EIO"), undefined].map(isSystemFailure)).toEqual([
    false,
    false,
    false,
  ]);
});

test("a range of a file ends where it should, or is refused", async () => {
  const whole = await files.readFile("package.json");
  const pieces: Uint8Array[] = [];
  for await (const piece of readPieces("package.json", { offset: 5, length: 20 })) pieces.push(piece);
  expect(Buffer.concat(pieces)).toEqual(whole.subarray(5, 25));
  const beyond = readPieces("package.json", { offset: 5, length: whole.length });
  await expect(beyond.next()).rejects.toMatchObject({ code: "corrupt-file", where: "package.json" });
});
