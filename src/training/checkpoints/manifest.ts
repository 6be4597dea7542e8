/**
 * `checkpoint.json`: the files of a checkpoint with size and hash. It is written last, so a folder without it, or
 * with other files, is incomplete or was not written by this program.
 */
import { hashFile, readJson, statIfPresent, writeJson } from "../../files/index.js";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

import { InputError } from "../../errors.js";

export const manifestName = "checkpoint.json";

export interface Manifest {
  /** Optimizer steps done. */
  readonly step: number;
  /** File name -> bytes and hash. */
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

const count = z.number().int().nonnegative();
const maxFiles = 1000;
/** The name of a file beside the manifest: no separator, not hidden. */
const plainName = z.string().regex(/^[\w-][\w.-]{0,199}$/);
const schema = z.object({
  format: z.literal(1),
  step: count,
  files: z.record(plainName, z.object({ bytes: count, sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
});

/** Lists all files that are in the folder now. */
export async function writeManifest(folder: string, step: number): Promise<void> {
  const files: Record<string, Manifest["files"][string]> = {};
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    files[name] = { bytes: (await stat(path)).size, sha256: await hashFile(path) };
  }
  await writeJson(join(folder, manifestName), { format: 1, step, files });
}

/**
 * The manifest of a folder that has all files in the recorded sizes. Does not read them.
 * @throws InputError when it is missing or broken, or a file is missing or of another size
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, manifestName);
  const result = schema.safeParse(await readJson(path, { hint }));
  if (!result.success) {
    const { path: field, message } = result.error.issues[0]!;
    throw new InputError({
      code: "corrupt-file",
      where: path,
      expected: "a list of files",
      found: `${field.join(".")}: ${message}`,
      hint,
    });
  }
  const { step, files } = result.data;
  const entries = Object.entries(files);
  if (entries.length > maxFiles) {
    throw new InputError({
      code: "corrupt-file",
      where: path,
      expected: `at most ${maxFiles} files`,
      found: String(entries.length),
      hint,
    });
  }
  for (const [name, { bytes }] of entries) {
    const there = await statIfPresent(join(folder, name));
    if (there?.isFile() === true && there.size === bytes) continue;
    const found = there?.isFile() === true ? `${there.size}: it was cut short or changed` : "no such file";
    throw new InputError({
      code: "corrupt-file",
      where: join(folder, name),
      expected: `a file of ${bytes} bytes`,
      found,
      hint,
    });
  }
  return { step, files };
}

/** @throws InputError naming a file whose content has changed since it was saved */
export async function checkContents(folder: string, { files }: Manifest): Promise<void> {
  for (const [name, { sha256: saved }] of Object.entries(files)) {
    const path = join(folder, name);
    if ((await hashFile(path)) === saved) continue;
    throw new InputError({
      code: "corrupt-file",
      where: path,
      expected: `the content with the hash in ${manifestName}`,
      found: "other content",
      hint,
    });
  }
}

const hint = "Resume from another checkpoint";
