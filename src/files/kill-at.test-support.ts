/** Ends this process before one of its operations on files, for tests of what a killed process leaves. */
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

/**
 * Counts the calls of these functions of `node:fs/promises` from now on, and kills the process before the n-th.
 * @param killAt n, from 1
 */
export function killAtOperation(names: readonly (keyof typeof files)[], killAt: number): void {
  let operations = 0;
  for (const name of names) {
    const original = files[name] as (...args: unknown[]) => unknown;
    const counted = (...args: unknown[]) => {
      if (++operations === killAt) process.kill(process.pid, "SIGKILL");
      return original(...args);
    };
    Object.assign(files, { [name]: counted });
  }
  syncBuiltinESMExports();
}
