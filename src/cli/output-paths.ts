/** Checks the output path of a command before anything is computed. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { dirname } from "node:path";
import { InputError } from "../errors.js";
import { isFolder, statIfPresent } from "../files/index.js";

/** @throws InputError if no file can be written at `path` */
export async function checkOutputFile(path: string): Promise<void> {
  const expected = "a file to write";
  const existing = await statIfPresent(path);
  if (path === "" || existing?.isDirectory() === true || /[/\\]$/.test(path)) {
    const found = path === "" ? "an empty name" : `the folder ${path}`;
    throw new InputError({
      code: "file-not-writable",
      where: "--out",
      expected,
      found,
      hint: "Pass a file, such as features.safetensors",
    });
  }
  // A device or a pipe would be replaced by the finished file.
  if (existing !== undefined && !existing.isFile()) {
    throw new InputError({
      code: "file-not-writable",
      where: "--out",
      expected,
      found: `${path}, which is not a regular file`,
    });
  }
  const folder = dirname(path);
  if (!(await isFolder(folder))) {
    const found = `${path} in a folder that does not exist`;
    throw new InputError({
      code: "file-not-found",
      where: "--out",
      expected,
      found,
      hint: `Create the folder ${folder} first`,
    });
  }
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    const found = `${path} in a folder that this user may not write to`;
    throw new InputError(
      { code: "file-not-writable", where: "--out", expected, found, hint: "Choose another folder" },
      { cause },
    );
  });
}

/** @throws InputError about the argument `where` if `path` exists and is not a folder */
export async function checkOutputFolder(path: string, where = "--out"): Promise<void> {
  const existing = await statIfPresent(path);
  if (path !== "" && (existing === undefined || existing.isDirectory())) return;
  const found = path === "" ? "an empty name" : `the file ${path}`;
  throw new InputError({
    code: "file-not-writable",
    where,
    expected: "a folder",
    found,
    hint: "Pass a folder; it is created if it does not exist",
  });
}
