/** Which checkpoints a run has, and which it keeps. */
import { fileError, isSystemFailure, syncFolder, systemCode } from "../../files/index.js";
import { readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { InputError } from "../../errors.js";
import { readManifest } from "./manifest.js";
import { hiddenName, stepOf } from "./run-folder.js";

export interface FoundCheckpoint {
  readonly step: number;
  readonly folder: string;
}

export interface FoundCheckpoints {
  /** Complete ones, by ascending step. */
  readonly checkpoints: readonly FoundCheckpoint[];
  /** A line for each folder that is named like a checkpoint but is not one. */
  readonly warnings: readonly string[];
}

/**
 * Finds complete checkpoints: all files exist with their sizes. Their bytes are checked when one is read. A folder that does not exist has
 * none.
 */
export async function findCheckpoints(output: string): Promise<FoundCheckpoints> {
  const names = await readdir(output).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return [];
    throw fileError(output, error, { expected: "the folder of a run" });
  });
  const checkpoints: FoundCheckpoint[] = [];
  const warnings: string[] = [];
  for (const name of names.sort()) {
    if (!name.startsWith("checkpoint-")) continue;
    const folder = join(output, name);
    const problem = await problemOf(folder, stepOf(name));
    if (problem === undefined) checkpoints.push({ step: stepOf(name)!, folder });
    else warnings.push(problem);
  }
  return { checkpoints: checkpoints.sort((a, b) => a.step - b.step), warnings };
}

async function problemOf(folder: string, step: number | undefined): Promise<string | undefined> {
  try {
    const manifest = await readManifest(folder);
    if (manifest.step === step) return undefined;
    const where = `${folder} is skipped`;
    return new InputError({
      code: "corrupt-file",
      where,
      expected: `a folder of step ${manifest.step}`,
      found: "another name",
    }).message;
  } catch (error) {
    // A checkpoint that cannot be read now may be complete.
    if (!(error instanceof InputError) || isSystemFailure(error)) throw error;
    const { code, where, expected, found } = error;
    return new InputError({ code, where: `${folder} is skipped: ${basename(where)}`, expected, found }).message;
  }
}

export interface Keeping {
  /** Number of the last checkpoints to keep, 1 or more. */
  readonly keep: number;
  /** Folder of another one to keep. */
  readonly best?: string | null;
  /** Steps that the run has done. Checkpoints of later steps, which it cannot resume from, do not count and are not deleted. */
  readonly step?: number;
}

/**
 * Deletes complete checkpoints except the last ones and the best. Each is renamed first, so that a partial checkpoint never has its name.
 * @returns the folders that were deleted
 */
export async function pruneCheckpoints(
  output: string,
  { keep, best, step: done = Infinity }: Keeping,
): Promise<string[]> {
  if (!Number.isInteger(keep) || keep < 1)
    throw new RangeError(`pruneCheckpoints: keep ${keep} is not an integer of at least 1`);
  const { checkpoints } = await findCheckpoints(output);
  // By name: the folder of the run may have been moved since the best one was recorded.
  const spared = best === undefined || best === null ? undefined : stepOf(basename(best));
  const own = checkpoints.filter(({ step }) => step <= done);
  const surplus = own.slice(0, -keep).filter(({ step }) => step !== spared);
  for (const { folder, step } of surplus) {
    const hidden = join(output, hiddenName(step, "pruned"));
    await rename(folder, hidden);
    await rm(hidden, { recursive: true, force: true });
  }
  if (surplus.length > 0) await syncFolder(output);
  return surplus.map(({ folder }) => folder);
}
