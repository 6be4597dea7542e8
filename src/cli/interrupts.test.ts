import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { Interrupts } from "./interrupts.js";

function fakeProcess() {
  const codes: number[] = [];
  const process = Object.assign(new EventEmitter(), { exit: (code: number) => void codes.push(code) });
  return { process, codes, interrupts: new Interrupts(process, () => undefined) };
}

test("a signal ends the process at once", () => {
  const { process, codes } = fakeProcess();
  process.emit("SIGTERM");
  expect(codes).toEqual([143]);
});

test("while files are written a signal waits, and work that asks can stop and clean up", async () => {
  const { process, codes, interrupts } = fakeProcess();
  const work = interrupts.whileWriting(() => {
    process.emit("SIGINT");
    expect(codes).toEqual([]);
    return Promise.resolve().then(() => interrupts.throwIfPending());
  });
  await expect(work).rejects.toThrow("interrupted");
  expect(codes).toEqual([130]);
});

test("a second signal does not wait", async () => {
  const { process, codes, interrupts } = fakeProcess();
  await interrupts.whileWriting(() => {
    process.emit("SIGINT");
    process.emit("SIGINT");
    expect(codes).toEqual([130]);
    return Promise.resolve();
  });
});
