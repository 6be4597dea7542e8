import { execFile } from "node:child_process";
import { readdir, statfs } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { InputError } from "../../errors.js";
import { findCheckpoints, saveRunCheckpoint } from "./index.js";
import { runAt } from "./run-at.test-support.js";
import { temporaryFolder } from "./sample-run.test-support.js";

const run = promisify(execFile);
const script = fileURLToPath(new URL("./fill-disk.test-support.ts", import.meta.url));
/** Mounts a disk of 1 MiB that only this process sees. */
const onSmallDisk = (...command: string[]) =>
  run("unshare", [
    "--mount",
    "--map-root-user",
    "sh",
    "-c",
    'mount -t tmpfs -o size=1m none "$0" && exec "$@"',
    ...command,
  ]);

const mayMount = async () => {
  const folder = await temporaryFolder();
  return onSmallDisk(folder, "true").then(
    () => true,
    () => false,
  );
};

test("a full disk: the error has numbers, and earlier checkpoints are unchanged", async ({ skip }) => {
  if (!(await mayMount())) skip("this user may not mount a disk");
  const output = await temporaryFolder();
  const { stdout } = await onSmallDisk(output, process.execPath, "--import", "tsx", script, output);
  const { refused, left, steps } = JSON.parse(stdout) as { refused: string[]; left: string[]; steps: number[] };
  const numbers = refused.map((line) => line.replaceAll(output, "run").replace(/\d+ bytes free/, "N bytes free"));
  expect(numbers).toEqual([
    "run: expected room for checkpoint-2: 6000000 bytes, found N bytes free or a full quota; earlier checkpoints are untouched. Free space or keep fewer checkpoints (save_total_limit), then resume.",
    "run: expected room for checkpoint-3: 900000 bytes, found N bytes free or a full quota; earlier checkpoints are untouched. Free space or keep fewer checkpoints (save_total_limit), then resume.",
  ]);
  expect(left).toEqual(["checkpoint-1", "filling"]);
  expect(steps).toEqual([1]);
});

test("a disk that fills up while writing", async () => {
  const output = await temporaryFolder();
  await saveRunCheckpoint(output, runAt(1));
  const full = {
    dtype: "float32" as const,
    shape: [2],
    // eslint-disable-next-line @typescript-eslint/require-await
    data: async function* () {
      yield new Uint8Array(4);
      throw Object.assign(new Error("no space"), { code: "ENOSPC", syscall: "write" });
    },
  };
  const broken = { ...runAt(2), parameters: new Map([["temperature", full]]), optimizer: new Map() };
  const error: unknown = await saveRunCheckpoint(output, broken).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
  expect((error as InputError).message).toMatch(
    /: expected room for checkpoint-2: 8 bytes, found \d+ bytes free or a full quota; /,
  );
  expect(await readdir(output)).toEqual(["checkpoint-1"]);
  expect((await findCheckpoints(output)).checkpoints.length).toBe(1);
});

test("a checkpoint that cannot fit is refused before a byte is written", async () => {
  const output = await temporaryFolder();
  const { blocks, bsize } = await statfs(output);
  const asked: string[] = [];
  const huge = {
    dtype: "uint8" as const,
    shape: [2 * blocks * bsize],
    // eslint-disable-next-line @typescript-eslint/require-await
    data: async function* () {
      asked.push("bytes");
      yield new Uint8Array(1);
    },
  };
  const run = { ...runAt(2), parameters: new Map([["temperature", huge]]), optimizer: new Map() };
  await expect(saveRunCheckpoint(output, run)).rejects.toThrow(`room for checkpoint-2: ${2 * blocks * bsize} bytes`);
  expect(asked).toEqual([]);
  expect(await readdir(output)).toEqual([]);
});
