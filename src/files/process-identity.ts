/** Which process owns a file, and whether that process still runs. */

import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /**
   * When the process started, in its host's own terms: another process may get the same number later. Null if the system does not
   * say.
   */
  readonly start: string | null;
  /**
   * The namespace of process numbers, one for each container: elsewhere `pid` names another process. Null if the system does not say.
   */
  readonly namespace: string | null;
}

export const thisProcess = (): ProcessIdentity => ({
  pid: process.pid,
  host: hostname(),
  start: startOf(process.pid),
  namespace: ownNamespace(),
});

/** Whether the process would be visible here: not for one of another machine, or of another container of this machine. */
export function isLocal({ host, start, namespace }: ProcessIdentity): boolean {
  if (host !== hostname()) return false;
  const own = ownNamespace();
  const boot = bootId();
  // No process has survived a restart of the machine, in whichever container it was.
  if (start !== null && boot !== undefined && !start.startsWith(boot)) return true;
  return namespace === null || own === null || namespace === own;
}

/** Whether the process runs; "unknown" for a process that is not local. */
export function stateOf(process: ProcessIdentity): "running" | "gone" | "unknown" {
  const { pid, start } = process;
  if (!isLocal(process)) return "unknown";
  return isRunning(pid, (now) => start === null || now === start) ? "running" : "gone";
}

/** A process in a file name: hash of the host and namespace, process number, hash of the start. */
export function tagOf({ host, pid, start, namespace }: ProcessIdentity): string {
  return `${shortHash(scopeOf(host, namespace))}-${pid}-${shortHash(start ?? "")}`;
}

/** Where a process number names one process: a machine, or a container on it. */
const scopeOf = (host: string, namespace: string | null): string => host + (namespace ?? "");

export const tagPattern = "[0-9a-f]{8}-\\d{1,10}-[0-9a-f]{8}";

/** As `stateOf`, of a process by its tag. */
export function stateOfTag(tag: string): "running" | "gone" | "unknown" {
  const [host = "", pid = "", start = ""] = tag.split("-");
  const scopes = [ownNamespace(), null].map((namespace) => shortHash(scopeOf(hostname(), namespace)));
  if (!scopes.includes(host)) return "unknown";
  const isSame = (now: string) => start === shortHash("") || start === shortHash(now);
  return isRunning(Number(pid), isSame) ? "running" : "gone";
}

const shortHash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);

/** Text that no other process with that number shares; null if the system does not say. Only Linux says it. */
export function startOf(pid: number): string | null {
  const boot = bootId();
  const ticks = statOf(pid)?.[19];
  return ticks === undefined || boot === undefined ? null : `${boot} ${ticks}`;
}

const bootId = (): string | undefined => contentOf("/proc/sys/kernel/random/boot_id")?.trim();

/** Such as `pid:[4026531836]`. */
function ownNamespace(): string | null {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return null;
  }
}

/** @param isSame whether the process is the expected one, by its start */
function isRunning(pid: number, isSame: (start: string) => boolean): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // A process of another user may not be signalled, but it runs.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  // A zombie: it has ended, but its parent has not read its exit status.
  const state = statOf(pid)?.[0];
  if (state === "Z" || state === "X") return false;
  const start = startOf(pid);
  return start === null || isSame(start);
}

/** Fields of Linux's /proc/<pid>/stat from the third, the state; the second, a name, may contain anything. */
function statOf(pid: number): string[] | undefined {
  const text = contentOf(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Files of /proc are in memory: reading them does not wait for a disk. */
function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
