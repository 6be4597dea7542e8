/** Saves checkpoints on a disk of 1 MiB, the folder given, until it is full; prints the errors and the files. */
import { readdir, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostTensor } from "../../graph/index.js";
import { findCheckpoints, saveRunCheckpoint } from "./index.js";
import { runAt } from "./run-at.test-support.js";

const [output = ""] = process.argv.slice(2);
const refused: string[] = [];

/** A checkpoint of 12 bytes a number: value, m and v. */
async function save(step: number, numbers: number): Promise<void> {
  const array = new Float32Array(numbers);
  const values = new Map([["temperature", new HostTensor("float32", [numbers], array)]]);
  const averages = new Map([["temperature", { m: array, v: array }]]);
  await saveRunCheckpoint(output, { ...runAt(step), parameters: values, optimizer: averages }).catch(
    (error: unknown) => {
      refused.push(error instanceof Error ? error.message : String(error));
    },
  );
}

await save(1, 10);
// More than the whole disk.
await save(2, 500_000);
// Fits by its numbers, but not with the small files, once the rest is taken.
const { bfree, bsize } = await statfs(output);
await writeFile(join(output, "filling"), new Uint8Array(bfree * bsize - 900_000 - bsize));
await save(3, 75_000);

const { checkpoints } = await findCheckpoints(output);
const left = (await readdir(output)).sort();
process.stdout.write(JSON.stringify({ refused, left, steps: checkpoints.map(({ step }) => step) }));
