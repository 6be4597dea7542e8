/** Whether a process of this machine is still the one it was. */
import { readFile } from "node:fs/promises";

/** Text that no other process of that number shares; null where the system does not tell. */
export async function startOf(pid: number): Promise<string | null> {
  const fields = await statOf(pid);
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => undefined);
  const ticks = fields?.[19];
  return ticks === undefined || boot === undefined ? null : `${boot.trim()} ${ticks}`;
}

/** @param start what `startOf` gave for the process; null: its number alone tells */
export async function isRunning(pid: number, start: string | null): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // A process of another user may not be signalled, but it is there.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  // Dead, but its parent has not asked how it ended.
  const state = (await statOf(pid))?.[0];
  if (state === "Z" || state === "X") return false;
  const now = await startOf(pid);
  return start === null || now === null || now === start;
}

/** Fields of Linux's /proc/<pid>/stat from the third on, which is the state; the second, a name, may hold anything. */
async function statOf(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}
