/** Formats whose parser fails in a certain way at certain bytes, for the tests of the fuzzer. */
import { InputError } from "../src/errors.js";
import type { Format } from "./format.js";

/** Memory that is in use. */
const kept: unknown[] = [];

const actions: Readonly<Record<string, () => unknown>> = {
  opened: () => undefined,
  refused: () => {
    throw new InputError({ code: "corrupt-file", where: "x", expected: "a", found: "b" });
  },
  crash: () => {
    throw new TypeError("planted");
  },
  "unhandled rejection": () => {
    void Promise.reject(new Error("planted rejection"));
    return new Promise((resolve) => setImmediate(resolve));
  },
  hang: () => {
    for (;;);
  },
  "endless promise": () => new Promise((resolve) => setTimeout(resolve, 1e9)),
  "resident memory": () => Buffer.alloc(2e8, 1).length,
  "memory that is not touched": () => kept.push(new ArrayBuffer(5e8)),
  "heap of objects": () => {
    for (;;) kept.push(Array.from({ length: 1000 }, (_, i) => ({ i })));
  },
  exit: () => process.kill(process.pid, "SIGSEGV"),
};

export const plantedNames: readonly string[] = Object.keys(actions);

/** Files read by this process, by format. */
const reads = new Map<string, number>();

/** Each does what its name says with the second file that a process reads, and opens the others. */
export const formats: readonly Format[] = plantedNames.map((name) => ({
  name,
  file: "planted",
  samples: () => Promise.resolve([Uint8Array.of(1)]),
  mutate: (_random, bytes) => bytes,
  read: async () => {
    reads.set(name, (reads.get(name) ?? 0) + 1);
    if (reads.get(name) === 2) await actions[name]!();
  },
  bound: { constant: 1e8, perByte: 0 },
}));
