/** A disk without room is told with numbers: what is needed, what is free. */
import { systemCode } from "../../files/index.js";
import { statfs } from "node:fs/promises";
import { InputError } from "../../errors.js";

const codes: ReadonlySet<string | undefined> = new Set(["ENOSPC", "EDQUOT"]);

/** @throws InputError when `needed` bytes cannot fit, before any is written */
export async function requireRoom(output: string, what: string, needed: number): Promise<void> {
  const disk = await statfs(output);
  // Some network drives do not say how large they are. Blocks kept for the superuser count here: they may be its own.
  if (disk.blocks === 0 || disk.bfree * disk.bsize >= needed) return;
  throw await noRoom(output, what, needed);
}

/** The error, or where it is that of a full disk, one that says how much is needed. */
export function withRoom(error: unknown, output: string, what: string, needed: number): Promise<unknown> {
  return codes.has(systemCode(error)) ? noRoom(output, what, needed, error) : Promise.resolve(error);
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
