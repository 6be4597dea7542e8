/** `run.lock`: one run at a time in a folder. It names its process, so that the lock of one that died does not hold. */
import { makeFolder, systemCode } from "../../files/index.js";
import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { z } from "zod";

import { InputError } from "../../errors.js";
import { isRunning, startOf } from "./process-start.js";
import { clearLeftovers, syncFolder, unfinishedName } from "./run-folder.js";

export interface RunLock {
  /** Gives the folder free; does nothing the second time. */
  release(): Promise<void>;
}

const lockName = "run.lock";

const schema = z.object({
  pid: z.number().int().positive(),
  host: z.string(),
  /** When the process began, as its host tells it: another process may get its number. */
  start: z.string().nullable(),
  /** Distinguishes this lock from any other. */
  token: z.string(),
});
type Holder = z.infer<typeof schema>;

/**
 * Makes the folder of a run and takes it for this process. What a run that was killed has left unfinished is removed, and
 * a checkpoint that it was just replacing is put back: look for checkpoints after this.
 * @throws InputError when another run has the folder
 */
export async function lockRun(output: string): Promise<RunLock> {
  await makeFolder(output);
  await syncFolder(dirname(resolve(output)));
  const path = join(output, lockName);
  const token = randomBytes(12).toString("hex");
  await acquire(path, { pid: process.pid, host: hostname(), start: await startOf(process.pid), token });
  const release = async () => {
    if ((await holderOf(path))?.token === token) await rm(path, { force: true });
  };
  try {
    await clearLeftovers(output);
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

async function acquire(path: string, self: Holder): Promise<void> {
  for (;;) {
    if (await create(path, self)) return;
    const holder = await settledHolder(path);
    if (holder !== undefined && (await isHeld(holder))) throw refusal(path, holder);
    await removeStale(path, holder);
  }
}

/** Whether there was no lock before. */
async function create(path: string, self: Holder): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    try {
      await file.writeFile(`${JSON.stringify(self)}\n`);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    const found = `system error ${systemCode(error) ?? String(error)}`;
    throw new InputError(
      {
        code: InputError.fileCode(systemCode(error), "file-not-writable"),
        where: path,
        expected: "a file that can be written",
        found,
      },
      { cause: error },
    );
  }
}

/** Undefined where there is no lock, or one that nobody can read. */
async function holderOf(path: string): Promise<Holder | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Who made the lock. A lock without content is being made, or was torn by a power cut: which of both, a moment tells. */
async function settledHolder(path: string): Promise<Holder | undefined> {
  for (let tries = 0; tries < 10; tries++) {
    const holder = await holderOf(path);
    if (holder !== undefined) return holder;
    await setTimeout(20);
  }
  return undefined;
}

/** A process of another host counts as running: nobody here can tell. */
async function isHeld({ host, pid, start }: Holder): Promise<boolean> {
  if (host !== hostname()) return true;
  return isRunning(pid, start);
}

/** Removes the lock unless another process has put its own there meanwhile. */
async function removeStale(path: string, stale: Holder | undefined): Promise<void> {
  const aside = join(dirname(path), unfinishedName(lockName));
  try {
    await rename(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  if ((await holderOf(aside))?.token === stale?.token) await rm(aside, { force: true });
  else await rename(aside, path);
}

function refusal(path: string, { pid, host }: Holder): InputError {
  const here = host === hostname();
  return new InputError({
    code: "run-locked",
    where: path,
    expected: "no other run in this folder",
    found: here ? `process ${pid}, which is running` : `process ${pid} of the machine ${host}`,
    hint: here
      ? "Wait for it or end it, or name another output folder"
      : "Name another output folder, or delete the file if that run is over",
  });
}
