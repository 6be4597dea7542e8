import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { yieldToEventLoop } from "./event-loop.js";

/** By this clock every piece takes a whole slice. */
let now = performance.now();
let piece = 10;
beforeEach(() => void vi.spyOn(performance, "now").mockImplementation(() => (now += piece)));

afterEach(async () => {
  vi.restoreAllMocks();
  // Other test files share the module: the last turn must not be in the future.
  vi.spyOn(performance, "now").mockImplementationOnce(() => now + 1000);
  await yieldToEventLoop();
  vi.restoreAllMocks();
});

async function compute(name: string, log: string[]): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await yieldToEventLoop();
    log.push(`${name}${i}`);
  }
}

test("the event loop runs between slices, and computations take turns", async () => {
  const log: string[] = [];
  const mark = () => {
    log.push("turn");
    if (!log.includes("b2")) setImmediate(mark);
  };
  setImmediate(mark);
  await Promise.all([compute("a", log), compute("b", log)]);
  expect(log.filter((entry) => entry !== "turn")).toEqual(["a0", "b0", "a1", "b1", "a2", "b2"]);
  // No two slices without a turn between them.
  expect(log.filter((entry, i) => entry !== "turn" && log[i - 1] !== "turn")).toEqual([]);
});

test("a computation waits only after a whole slice", async () => {
  await yieldToEventLoop();
  piece = 2;
  expect(yieldToEventLoop()).toBe(undefined);
  expect(yieldToEventLoop()).toBe(undefined);
  expect(yieldToEventLoop()).toBeInstanceOf(Promise);
});
