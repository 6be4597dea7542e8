/** Names in the folder of a run, and moves in it that last. */
import { randomBytes } from "node:crypto";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

export const checkpointName = (step: number): string => `checkpoint-${step}`;

/** The step of a folder called `checkpoint-<step>`, as `checkpointName` writes it. */
export function stepOf(name: string): number | undefined {
  const digits = /^checkpoint-(0|[1-9]\d{0,14})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Why a hidden folder of a checkpoint is there: being written; set aside until a newer one of the same step has its place; or about
 * to be deleted.
 */
type Purpose = "tmp" | "old" | "pruned";

export const hiddenName = (step: number, purpose: Purpose): string =>
  `.${checkpointName(step)}.${randomBytes(6).toString("hex")}.${purpose}`;

const hiddenFolder = /^\.checkpoint-(\d{1,15})\.[0-9a-f]{12}\.(tmp|old|pruned)$/;
/** As `writeAtomically` calls files that are not whole yet. */
const unfinishedFile = /^\..{1,40}\.[0-9a-f]{12}\.tmp$/;

/** A file's name while it is written. */
export const unfinishedName = (name: string): string => `.${name.slice(0, 40)}.${randomBytes(6).toString("hex")}.tmp`;

/** Makes names that were made, moved or removed in a folder outlast a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folders, and keeps the names in its journal by itself.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Removes what a writer that is gone has left unfinished, and puts back what it had set aside without a replacement. */
export async function clearLeftovers(output: string): Promise<void> {
  for (const entry of await readdir(output, { withFileTypes: true })) {
    const path = join(output, entry.name);
    const [, step, purpose] = hiddenFolder.exec(entry.name) ?? [];
    if (entry.isDirectory() && step !== undefined) {
      const place = join(output, checkpointName(Number(step)));
      if (purpose === "old" && !(await isThere(place))) await rename(path, place);
      else await rm(path, { recursive: true, force: true });
    } else if (entry.isFile() && unfinishedFile.test(entry.name)) {
      await rm(path, { force: true });
    }
  }
  await syncFolder(output);
}
