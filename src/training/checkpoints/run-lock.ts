/** `run.lock`: one run at a time in a folder. */
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";

import { InputError } from "../../errors.js";
import {
  acquireLock,
  type FileLock,
  isLocal,
  LockHeld,
  makeFolder,
  removeGuards,
  syncFolder,
} from "../../files/index.js";
import { clearLeftovers } from "./run-folder.js";

/**
 * Makes the folder of a run and locks it for this process. Unfinished files of a killed run are removed, and a checkpoint that it was
 * replacing is restored: find checkpoints after this.
 * @throws InputError if another run uses the folder
 */
export async function lockRun(output: string): Promise<FileLock> {
  await makeFolder(output);
  await syncFolder(dirname(resolve(output)));
  const path = join(output, "run.lock");
  const lock = await acquireLock(path).catch((error: unknown) => {
    throw error instanceof LockHeld ? refusal(path, error) : error;
  });
  try {
    await removeGuards(path);
    await clearLeftovers(output);
  } catch (error) {
    await lock.release();
    throw error;
  }
  return lock;
}

function refusal(path: string, { holder }: LockHeld): InputError {
  const isHere = holder === undefined || isLocal(holder);
  const place = holder?.host === hostname() ? "another container on" : "the machine";
  const process = holder === undefined ? "another process" : `process ${holder.pid}`;
  return new InputError({
    code: "run-locked",
    where: path,
    expected: "no other run in this folder",
    found: isHere ? `${process}, which is running` : `${process} of ${place} ${holder.host}`,
    hint: isHere
      ? "Wait for it or end it, or choose another output folder"
      : "Choose another output folder, or delete the file if that run is over",
  });
}
