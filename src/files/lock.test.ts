import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { acquireLock, type FileLock, LockHeld, type LockOptions } from "./index.js";
import { thisProcess } from "./process-identity.js";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-lock-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const gone = { pid: 2 ** 30, host: hostname(), start: null, namespace: null };
const staleLock = JSON.stringify({ ...gone, token: "t" });

type OnStep = NonNullable<LockOptions["onStep"]>;
type Result = FileLock | LockHeld | undefined;

/** Calls of `acquireLock` that do one step at a time. */
class Contender {
  result: Result;
  private next: (() => void) | undefined;
  private paused: () => void = () => undefined;
  readonly steps: string[] = [];

  constructor(path: string, options: LockOptions = {}) {
    const onStep: OnStep = (step, file) => {
      this.steps.push(`${step} ${file === path ? "lock" : "guard"}`);
      return new Promise((resolve) => {
        this.next = resolve;
        this.paused();
      });
    };
    void acquireLock(path, { ...options, onStep })
      .catch((error: unknown) => {
        if (error instanceof LockHeld) return error;
        throw error;
      })
      .then((result) => {
        this.result = result;
        this.paused();
      });
  }

  /** Runs until the next step begins, or to the end. False if it had ended before. */
  async step(): Promise<boolean> {
    if (this.result !== undefined) return false;
    const pause = new Promise<void>((resolve) => (this.paused = resolve));
    if (this.next === undefined) await pause;
    else {
      const { next } = this;
      this.next = undefined;
      next();
      await pause;
    }
    return true;
  }

  async finish(): Promise<Result> {
    while (await this.step());
    return this.result;
  }
}

/** Checks that one contender has the lock, that it is the one in the file, and that no other file is left. */
async function expectOneHolder(folder: string, results: readonly Result[]): Promise<void> {
  const locks = results.flatMap((result) => (result === undefined || result instanceof LockHeld ? [] : [result]));
  expect(locks.length).toBe(1);
  expect(await readdir(folder)).toEqual(["run.lock"]);
  expect(JSON.parse(await readFile(join(folder, "run.lock"), "utf8"))).toMatchObject(thisProcess());
  await locks[0]!.release();
  expect(await readdir(folder)).toEqual([]);
}

/** As a file system without hard links does, such as FAT. */
const noLink = () =>
  Promise.reject(Object.assign(new Error("operation not permitted, link"), { code: "EPERM", syscall: "link" }));

const starts = { free: undefined, stale: staleLock, empty: "", torn: '{"pid":' };
const cases = [
  ...Object.entries(starts).map(([name, text]) => [name, "", text, {}] as const),
  // Empty is another case there: that lock may be one that is being created.
  ...(["free", "stale", "torn"] as const).map(
    (name) => [name, " without hard links", starts[name], { link: noLink }] as const,
  ),
];

test.each(cases)("one of three gets a lock that is %s%s, in any order of their steps", async (_, __, text, options) => {
  const folder = await temporaryFolder();
  const path = join(folder, "run.lock");
  // A schedule is a sequence of contenders; a linear congruential generator gives twenty of them.
  let state = 7;
  const random = (n: number) => ((state = (state * 1_103_515_245 + 12_345) % 2 ** 31) >>> 16) % n;
  for (let schedule = 0; schedule < 20; schedule++) {
    if (text !== undefined) await writeFile(path, text);
    const contenders = [1, 2, 3].map(() => new Contender(path, options));
    const running = [...contenders];
    while (running.length > 0) {
      const i = random(running.length);
      if (!(await running[i]!.step())) running.splice(i, 1);
    }
    await expectOneHolder(
      folder,
      contenders.map(({ result }) => result),
    );
  }
});

test("without hard links a new empty lock is one that is being created, and an old one was left behind", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "run.lock");
  await writeFile(path, "");
  await expect(acquireLock(path, { link: noLink })).rejects.toMatchObject({ name: "LockHeld", holder: undefined });
  expect(await readdir(folder)).toEqual(["run.lock"]);
  const minuteAgo = Date.now() / 1000 - 60;
  await utimes(path, minuteAgo, minuteAgo);
  const lock = await acquireLock(path, { link: noLink });
  await expect(acquireLock(path, { link: noLink })).rejects.toMatchObject({ holder: thisProcess() });
  await expectOneHolder(folder, [lock]);
});

test("an error of the disk is no lack of hard links", async () => {
  const path = join(await temporaryFolder(), "run.lock");
  const link = () => Promise.reject(Object.assign(new Error("i/o error, link"), { code: "EIO", syscall: "link" }));
  await expect(acquireLock(path, { link })).rejects.toMatchObject({ where: path });
  expect(await readdir(dirname(path))).toEqual([]);
});

test.runIf(process.platform === "linux")("a lock of another container holds until the machine restarts", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "run.lock");
  // The number is free here, or that of another process: both say nothing about the container.
  for (const pid of [2 ** 30, process.pid]) {
    const holder = { ...thisProcess(), pid, namespace: "pid:[1]" };
    await writeFile(path, JSON.stringify({ ...holder, token: "t" }));
    await expect(acquireLock(path)).rejects.toMatchObject({ holder });
  }
  const before = { ...thisProcess(), namespace: "pid:[1]", start: "00000000-0000-4000-8000-000000000000 12" };
  await writeFile(path, JSON.stringify({ ...before, token: "t" }));
  await expectOneHolder(folder, [await acquireLock(path)]);
});

test("a process that read a stale lock earlier does not touch the lock that replaced it", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "run.lock");
  await writeFile(path, staleLock);
  const late = new Contender(path);
  while (late.steps.at(-1) !== "create guard" && (await late.step()));
  const first = await new Contender(path).finish();
  const lock = await readFile(path, "utf8");
  expect(await late.finish()).toBeInstanceOf(LockHeld);
  expect(await readFile(path, "utf8")).toBe(lock);
  await expectOneHolder(folder, [first]);
});

test("after a process is killed at any step of a takeover, exactly one other process gets the lock", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "run.lock");
  const seen = new Set<string>();
  for (let kill = 1; ; kill++) {
    await writeFile(path, staleLock);
    const killed = new Contender(path, { owner: gone });
    let steps = 0;
    while (steps < kill && (await killed.step())) steps++;
    if (killed.result !== undefined) break;
    seen.add(killed.steps.at(-1)!);
    const others = [new Contender(path), new Contender(path)];
    // In turns, so that both find what the killed one has left.
    while ((await Promise.all(others.map((other) => other.step()))).includes(true));
    const held = others.filter(({ result }) => !(result instanceof LockHeld));
    expect(held.length).toBe(1);
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject(thisProcess());
    // What the killed one has left has no effect any more.
    for (const name of await readdir(folder)) await rm(join(folder, name));
  }
  expect(seen).toEqual(
    new Set(["create lock", "read lock", "create guard", "compare lock", "remove lock", "release guard"]),
  );
});

test("of several processes that find a stale lock at the same moment, one gets it", async () => {
  const script = fileURLToPath(new URL("./lock-contender.test-support.ts", import.meta.url));
  const children = Array.from({ length: 3 }, () => {
    const child = spawn(process.execPath, ["--import", "tsx", script], { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { child, line: async () => String((await lines.next()).value) };
  });
  const folder = await temporaryFolder();
  for (const { line } of children) expect(await line()).toBe("ready");
  for (let round = 0; round < 24; round++) {
    const path = join(folder, `${round}.lock`);
    await writeFile(path, round % 2 === 0 ? staleLock : "");
    for (const { child } of children) child.stdin.write(`${path}\n`);
    const results = await Promise.all(children.map(({ line }) => line()));
    expect(results.toSorted()).toEqual(["held", "held", "taken"]);
    const { pid } = JSON.parse(await readFile(path, "utf8")) as { pid: number };
    expect(children[results.indexOf("taken")]!.child.pid).toBe(pid);
  }
  for (const { child } of children) child.stdin.end();
});
