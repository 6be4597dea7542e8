import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import { caseBytes } from "./format.js";
import { formats } from "./formats.js";
import { type CaseResult, FuzzSession } from "./fuzz-session.js";
import { fuzz } from "./fuzz.js";
import { plantedNames } from "./planted-formats.test-support.js";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-fuzz-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Of each format; the long runs are in docs/fuzzing.md. */
const cases = 25;

test("mutated files of every format are opened or refused by an InputError, within time and memory", async () => {
  const { formats: reports, findings } = await fuzz({ formats, seed: 1, cases, folder: await temporaryFolder() });
  expect(findings.map(({ format, index, kind, message }) => ({ format, index, kind, message }))).toEqual([]);
  expect(reports.map(({ format, cases }) => [format, cases])).toEqual(formats.map(({ name }) => [name, cases]));
  // Mutations that break all files, or none, test no parser.
  const oneSided = reports.filter(({ opened, refused }) => opened === 0 || refused === 0);
  expect(oneSided.map(({ format }) => format)).toEqual([]);
});

test("a case depends on its format, seed and index alone", async () => {
  for (const format of formats) {
    const samples = await format.samples();
    const bytes = (seed: number, index: number) => Buffer.from(caseBytes(format, samples, seed, index)).toString("hex");
    const first = bytes(1, 0);
    bytes(1, 1);
    expect(bytes(1, 0)).toBe(first);
    expect(new Set([0, 1, 2, 3].map((seed) => bytes(seed, 0))).size).toBeGreaterThan(1);
  }
});

test("a crash, a hang and too much memory are found in the case that causes them, and the cases after it run", async () => {
  const formatsModule = fileURLToPath(new URL("./planted-formats.test-support.ts", import.meta.url));
  const session = await FuzzSession.start({ formatsModule, maxCaseMs: 1000, maxHeap: 64 });
  onTestFinished(() => session.close());
  const found: Record<string, string[]> = {};
  for (const format of plantedNames) {
    const results: CaseResult[] = [];
    await session.run({ format, seed: 1, from: 0, to: 3 }, (result) => {
      results.push(result);
      return true;
    });
    expect(results.map(({ index }) => index)).toEqual([0, 1, 2]);
    found[format] = results.map(({ outcome }) => (typeof outcome === "string" ? outcome : outcome.kind));
  }
  expect(found).toMatchInlineSnapshot(`
    {
      "crash": [
        "opened",
        "crash",
        "opened",
      ],
      "endless promise": [
        "opened",
        "hang",
        "opened",
      ],
      "exit": [
        "opened",
        "crash",
        "opened",
      ],
      "hang": [
        "opened",
        "hang",
        "opened",
      ],
      "heap of objects": [
        "opened",
        "crash",
        "opened",
      ],
      "memory that is not touched": [
        "opened",
        "memory",
        "opened",
      ],
      "opened": [
        "opened",
        "opened",
        "opened",
      ],
      "refused": [
        "opened",
        "refused",
        "opened",
      ],
      "resident memory": [
        "opened",
        "memory",
        "opened",
      ],
      "unhandled rejection": [
        "opened",
        "crash",
        "opened",
      ],
    }
  `);
});
