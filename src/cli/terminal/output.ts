/** What a command writes: checked before anything is computed, shown when it is there. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { WritableTensor } from "../../checkpoint/index.js";
import { InputError } from "../../errors.js";
import { table } from "./table.js";
import type { Terminal } from "./terminal.js";
import { visible } from "./escape-control-chars.js";

/** @throws InputError when no file can be written at `path` */
export async function checkOutputFile(path: string): Promise<void> {
  const expected = "a file to write";
  const there = await stat(path).catch(() => undefined);
  if (path === "" || there?.isDirectory() === true || /[/\\]$/.test(path)) {
    const found = path === "" ? "an empty name" : `the folder ${path}`;
    throw new InputError({
      code: "file-not-writable",
      where: "--out",
      expected,
      found,
      hint: "Name a file, such as features.safetensors",
    });
  }
  // A device or a pipe would be replaced by the finished file.
  if (there !== undefined && !there.isFile()) {
    throw new InputError({
      code: "file-not-writable",
      where: "--out",
      expected,
      found: `${path}, which is no regular file`,
    });
  }
  const folder = dirname(path);
  if ((await stat(folder).catch(() => undefined))?.isDirectory() !== true) {
    const found = `${path} in a folder that does not exist`;
    throw new InputError({
      code: "file-not-found",
      where: "--out",
      expected,
      found,
      hint: `Make the folder ${folder} first`,
    });
  }
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    const found = `${path} in a folder that this user may not write to`;
    throw new InputError(
      { code: "file-not-writable", where: "--out", expected, found, hint: "Name another folder" },
      { cause },
    );
  });
}

/** @throws InputError about the argument `where` when `path` is there and is no folder: files cannot be written into it */
export async function checkOutputFolder(path: string, where = "--out"): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (path !== "" && (there === undefined || there.isDirectory())) return;
  const found = path === "" ? "an empty name" : `the file ${path}`;
  throw new InputError({
    code: "file-not-writable",
    where,
    expected: "a folder",
    found,
    hint: "Name a folder; it is made where missing",
  });
}

export type Tensors = ReadonlyMap<string, WritableTensor>;

/** Writes tensors to a safetensors file, whole or not at all, and shows what is in it. */
export async function writeTensors(out: string, tensors: Tensors, json: boolean | undefined, terminal: Terminal) {
  const { writeSafetensors } = await import("../../checkpoint/index.js");
  await terminal.interrupts.whileWriting(() => writeSafetensors(out, tensors));
  const list = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  terminal.show(json, { out, tensors: list }, () => {
    const rows = list.map(({ name, dtype, shape }) => ({ cells: [name, dtype, shape.join(" × ")] }));
    return `${visible(out)}\n${table(rows, { indent: 2 })}`;
  });
}
