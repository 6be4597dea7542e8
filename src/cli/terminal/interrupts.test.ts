import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { Interrupts } from "./interrupts.js";

function fakeProcess() {
  const ends: string[] = [];
  const process = Object.assign(new EventEmitter(), {
    pid: 7,
    kill: (pid: number, signal: "SIGINT" | "SIGTERM") => {
      // A process that still listens would survive its own signal.
      if (process.listenerCount(signal) === 0) ends.push(`${pid} ${signal}`);
    },
  });
  const clock = { now: 0 };
  const interrupts = new Interrupts(
    process,
    () => undefined,
    () => clock.now,
  );
  return { process, ends, interrupts, clock };
}

test("a signal ends the process at once", () => {
  const { process, ends } = fakeProcess();
  process.emit("SIGTERM");
  expect(ends).toEqual(["7 SIGTERM"]);
});

test("while files are written a signal waits, and work that asks can stop and clean up", async () => {
  const { process, ends, interrupts } = fakeProcess();
  const work = interrupts.whileWriting(() => {
    process.emit("SIGINT");
    expect(ends).toEqual([]);
    return Promise.resolve().then(() => interrupts.signal.throwIfAborted());
  });
  await expect(work).rejects.toThrow("interrupted");
  expect(ends).toEqual(["7 SIGINT"]);
});

test("a second signal does not wait; the same one, passed on by npm or npx, does", async () => {
  const { process, ends, interrupts, clock } = fakeProcess();
  await interrupts.whileWriting(() => {
    process.emit("SIGINT");
    clock.now = 999;
    process.emit("SIGINT");
    expect(ends).toEqual([]);
    clock.now = 1000;
    process.emit("SIGINT");
    expect(ends).toEqual(["7 SIGINT"]);
    return Promise.resolve();
  });
});
