/**
 * A lock file: one holder at a time, among processes and among calls of one process. The file names the process that holds it, so that the
 * lock of a process that was killed does not hold.
 *
 * The lock is created by a hard link to a file that already has its content, so no process sees it empty. A stale lock is removed only by
 * the holder of a second lock, whose name is made from the stale content: it guards that content alone, and a lock that is held is never
 * moved or removed by others. A process that is killed while it holds the second lock leaves a stale lock again, which is removed in the
 * same way.
 */

import { createHash, randomBytes } from "node:crypto";
import { link, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { isObject } from "./json.js";
import { statIfPresent } from "./read-file.js";
import { type ProcessIdentity, stateOf, thisProcess } from "./process-identity.js";
import { fileError, systemCode } from "./system-errors.js";
import { temporaryName } from "./temporary-files.js";

export interface FileLock {
  /** Releases the lock. Later calls do nothing. */
  release(): Promise<void>;
}

/** The lock is held. A process of another machine or container counts as running, because that cannot be checked. */
export class LockHeld extends Error {
  override readonly name = "LockHeld";

  /** @param holder undefined if it is just taking the lock, and has not written who it is */
  constructor(readonly holder: ProcessIdentity | undefined) {
    super(holder === undefined ? "held" : `held by process ${holder.pid} of ${holder.host}`);
  }
}

export interface LockOptions {
  /** The process that takes the lock. Default this one. */
  readonly owner?: ProcessIdentity;
  /**
   * Called before each operation on the lock or its guards; tests choose their order with it.
   * @internal
   */
  readonly onStep?: (step: "create" | "read" | "compare" | "remove" | "release", file: string) => Promise<void>;
  /** Makes hard links; tests replace it by one that fails as on a file system without them. @internal */
  readonly link?: typeof link;
}

/**
 * Creates the file at `path`, with `pid`, `host`, `start`, `namespace` and `token` as JSON, unless a process that runs has done so.
 * @throws LockHeld if another process or call holds the lock; InputError if it cannot be written
 *
 * @example
 * const lock = await acquireLock("runs/a/run.lock");
 * try { await train(); } finally { await lock.release(); }
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<FileLock> {
  const { owner = thisProcess(), onStep = () => Promise.resolve(), link: makeLink = link } = options;
  const { pid, host, start, namespace } = owner;
  const content = `${JSON.stringify({ pid, host, start, namespace, token: randomBytes(12).toString("hex") })}\n`;
  try {
    await acquire(path, content, { onStep, link: makeLink });
  } catch (error) {
    throw fileError(path, error, { action: "write" });
  }
  return { release: () => removeIf(path, content) };
}

type Operations = Required<Pick<LockOptions, "onStep" | "link">>;
type Link = Operations["link"];

async function acquire(path: string, content: string, operations: Operations): Promise<void> {
  const { onStep, link } = operations;
  for (;;) {
    await onStep("create", path);
    if (await create(path, content, link)) return;
    await onStep("read", path);
    const found = await contentOf(path);
    if (found === undefined) continue;
    const holder = holderIn(found);
    if (holder === undefined ? await isBeingCreated(path, found, link) : stateOf(holder) !== "gone") {
      throw new LockHeld(holder);
    }
    const guard = guardOf(path, found);
    await acquire(guard, content, operations);
    try {
      await onStep("compare", path);
      // Only the holder of the guard removes this content, so it cannot change after this.
      if ((await contentOf(path)) === found) {
        await onStep("remove", path);
        await rm(path, { force: true });
      }
    } finally {
      await onStep("release", guard);
      await removeIf(guard, content);
    }
  }
}

/**
 * Removes guards that killed processes left beside the lock.
 * @param path a lock that the caller holds: no content that a guard was made for can come back then
 */
export async function removeGuards(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    if (!guardPattern.test(name) || !name.startsWith(guardPrefix(path))) continue;
    const holder = holderIn((await contentOf(join(folder, name))) ?? "");
    if (holder === undefined || stateOf(holder) === "gone") await rm(join(folder, name), { force: true });
  }
}

/** The guard of a guard has a name of the same length: the hash alone changes. */
function guardOf(path: string, content: string): string {
  const hash = createHash("sha256")
    .update(`${basename(path)}\n${content}`)
    .digest("hex")
    .slice(0, 24);
  return join(dirname(path), `${guardPrefix(path)}${hash}.takeover`);
}

const guardPattern = /\.[0-9a-f]{24}\.takeover$/;

const guardPrefix = (path: string): string => `.${basename(path).replace(guardPattern, "").replace(/^\./, "")}.`;

/** Whether the lock was free. */
async function create(path: string, content: string, link: Link): Promise<boolean> {
  const own = join(dirname(path), temporaryName(basename(path)));
  try {
    await writeDurably(own, content);
    await link(own, path);
    return true;
  } catch (error) {
    // A file server may repeat a request whose answer was lost: then the lock is there, and it is this one.
    if (systemCode(error) === "EEXIST") return (await contentOf(path)) === content;
    if (!isWithoutLinks(error)) throw error;
    return await createWithoutLinks(path, content);
  } finally {
    await rm(own, { force: true });
  }
}

async function writeDurably(path: string, content: string): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

const isWithoutLinks = (error: unknown): boolean =>
  ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EISDIR"].includes(systemCode(error) ?? "");

/** For file systems without hard links, such as FAT: others see the lock empty before it has its content. */
async function createWithoutLinks(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: "wx" });
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
  return (await contentOf(path)) === content;
}

/** How long a lock without content may be one that is being created, if the file system has no hard links. */
const creationMs = 10_000;

/** Whether a lock without a holder is being created. With hard links, such a lock was damaged by a power cut. */
async function isBeingCreated(path: string, content: string, link: Link): Promise<boolean> {
  if (content !== "") return false;
  const stats = await statIfPresent(path);
  if (stats === undefined || Date.now() - stats.mtimeMs > creationMs) return false;
  const [from, to] = [temporaryName(basename(path)), temporaryName(basename(path))].map((name) =>
    join(dirname(path), name),
  ) as [string, string];
  try {
    await writeFile(from, "");
    await link(from, to);
    return false;
  } catch (error) {
    if (isWithoutLinks(error)) return true;
    throw error;
  } finally {
    await rm(from, { force: true });
    await rm(to, { force: true });
  }
}

/** Undefined if there is no lock. */
async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Undefined for a damaged lock. */
function holderIn(content: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(content);
    if (!isObject(value)) return undefined;
    const { pid, host, start, token, namespace = null } = value;
    const isNumber = Number.isSafeInteger(pid) && (pid as number) > 0;
    if (!isNumber || typeof host !== "string" || typeof token !== "string") return undefined;
    const isText = [start, namespace].every((one) => one === null || typeof one === "string");
    return isText
      ? { pid: pid as number, host, start: start as string | null, namespace: namespace as string | null }
      : undefined;
  } catch {
    return undefined;
  }
}

async function removeIf(path: string, content: string): Promise<void> {
  if ((await contentOf(path)) === content) await rm(path, { force: true });
}
