/** The folder of a run: its file names, the files of a killed run, and free disk space. */
import { randomBytes } from "node:crypto";
import { readdir, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";

import { InputError } from "../../errors.js";
import { completeReplacements, removeAbandoned, statIfPresent, syncFolder, systemCode } from "../../files/index.js";

export const checkpointName = (step: number): string => `checkpoint-${step}`;

/** The step of a folder called `checkpoint-<step>`, as `checkpointName` writes it. */
export function stepOf(name: string): number | undefined {
  const digits = /^checkpoint-(0|[1-9]\d{0,14})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Why a checkpoint's folder is hidden: it is being written, is being replaced by one of the same step, or is being deleted. */
type Purpose = "tmp" | "old" | "pruned";

export const hiddenName = (step: number, purpose: Purpose): string =>
  `.${checkpointName(step)}.${randomBytes(6).toString("hex")}.${purpose}`;

const hiddenFolder = /^\.checkpoint-(\d{1,15})\.[0-9a-f]{12}\.(tmp|old|pruned)$/;

export const isThere = async (path: string): Promise<boolean> => (await statIfPresent(path)) !== undefined;

/**
 * Removes unfinished files of a killed run, and restores a checkpoint that it had moved but not replaced.
 * @param output a folder that the caller has locked: only the holder of the lock makes hidden folders of checkpoints
 */
export async function clearLeftovers(output: string): Promise<void> {
  for (const entry of await readdir(output, { withFileTypes: true })) {
    const path = join(output, entry.name);
    const [, step, purpose] = hiddenFolder.exec(entry.name) ?? [];
    if (!entry.isDirectory() || step === undefined) continue;
    const place = join(output, checkpointName(Number(step)));
    if (purpose === "old" && !(await isThere(place))) await rename(path, place);
    else await rm(path, { recursive: true, force: true });
  }
  await completeReplacements(output);
  await removeAbandoned(output);
  await syncFolder(output);
}

/** @throws InputError if `needed` bytes cannot fit, before any is written */
export async function requireRoom(output: string, what: string, needed: number): Promise<void> {
  const disk = await statfs(output);
  // Some network drives do not report their size. Blocks reserved for the superuser count: the user may be that.
  if (disk.blocks === 0 || disk.bfree * disk.bsize >= needed) return;
  throw await noRoom(output, what, needed);
}

/** The error itself; for that of a full disk, one that says how much is needed and how much is free. */
export function withRoom(error: unknown, output: string, what: string, needed: number): Promise<unknown> {
  const cause = error instanceof InputError ? error.cause : error;
  const isFull = ["ENOSPC", "EDQUOT"].includes(systemCode(cause) ?? "");
  return isFull ? noRoom(output, what, needed, error) : Promise.resolve(error);
}

async function noRoom(output: string, what: string, needed: number, cause?: unknown): Promise<InputError> {
  const disk = await statfs(output);
  return new InputError(
    {
      code: "disk-full",
      where: output,
      expected: `room for ${what}: ${needed} bytes`,
      found: `${disk.bavail * disk.bsize} bytes free or a full quota; earlier checkpoints are untouched`,
      hint: "Free space or keep fewer checkpoints (save_total_limit), then resume",
    },
    { cause },
  );
}
