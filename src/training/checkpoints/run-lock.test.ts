import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { InputError } from "../../errors.js";
import { lockRun } from "./index.js";
import { startOf } from "../../files/process-identity.js";
import { temporaryFolder } from "./sample-run.test-support.js";

const lockOf = (fields: object) =>
  JSON.stringify({ pid: process.pid, host: hostname(), start: null, token: "t", ...fields });

/** A process that waits for its input to end. */
async function livingProcess() {
  const child = spawn(process.execPath, ["-e", "process.stdout.write('up'); process.stdin.resume()"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

test("one run at a time, until the lock is released", async () => {
  const output = join(await temporaryFolder(), "a", "run");
  const lock = await lockRun(output);
  const error: unknown = await lockRun(output).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
  expect((error as InputError).message.replace(output, "run")).toBe(
    `run/run.lock: expected no other run in this folder, found process ${process.pid}, which is running. Wait for it or end it, or choose another output folder.`,
  );
  await lock.release();
  expect(await readdir(output)).toEqual([]);
  const next = await lockRun(output);
  // The first one is not this one's.
  await lock.release();
  expect(await readdir(output)).toEqual(["run.lock"]);
  await next.release();
});

test("the lock of a killed process is released, and its unfinished files are removed", async () => {
  const output = await temporaryFolder();
  const child = await livingProcess();
  const start = startOf(child.pid!);
  await writeFile(join(output, "run.lock"), lockOf({ pid: child.pid, start }));
  await mkdir(join(output, ".checkpoint-5.0123456789ab.tmp"));
  await expect(lockRun(output)).rejects.toThrow(`process ${child.pid}, which is running`);
  expect(await readdir(output)).toContain(".checkpoint-5.0123456789ab.tmp");
  child.kill("SIGKILL");
  await once(child, "close");
  const lock = await lockRun(output);
  expect(await readdir(output)).toEqual(["run.lock"]);
  await lock.release();
});

test.runIf(process.platform === "linux")("a lock does not hold for another process with the same number", async () => {
  const output = await temporaryFolder();
  await writeFile(join(output, "run.lock"), lockOf({ start: "another boot 12" }));
  await (await lockRun(output)).release();
});

test("the lock of a process of another machine is respected", async () => {
  const output = await temporaryFolder();
  await writeFile(join(output, "run.lock"), lockOf({ host: "elsewhere", pid: 1 }));
  await expect(lockRun(output)).rejects.toThrow(
    "found process 1 of the machine elsewhere. Choose another output folder, or delete the file if that run is over.",
  );
});

test.runIf(process.platform === "linux")("a lock of a process of another container holds", async () => {
  const output = await temporaryFolder();
  await writeFile(join(output, "run.lock"), lockOf({ namespace: "pid:[1]", pid: 7 }));
  await expect(lockRun(output)).rejects.toThrow(
    `found process 7 of another container on ${hostname()}. Choose another output folder, or delete the file if that run is over.`,
  );
});

test.each(["", "{", "null", '{"pid":0}', '{"pid":-1,"host":"x","start":null,"token":""}'])(
  "a lock that a power cut damaged does not hold: %j",
  async (text) => {
    const output = await temporaryFolder();
    await writeFile(join(output, "run.lock"), text);
    const lock = await lockRun(output);
    expect(await readdir(output)).toEqual(["run.lock"]);
    expect(JSON.parse(await readFile(join(output, "run.lock"), "utf8"))).toMatchObject({ pid: process.pid });
    await lock.release();
  },
);

test("of several runs that find a stale lock at once, one gets the folder", async () => {
  const output = await temporaryFolder();
  await writeFile(join(output, "run.lock"), lockOf({ pid: 2 ** 30 }));
  const tries = await Promise.allSettled([lockRun(output), lockRun(output), lockRun(output)]);
  const locks = tries.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  expect(locks.length).toBe(1);
  await locks[0]!.release();
});
