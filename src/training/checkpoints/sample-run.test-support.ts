/** A run of a tiny model whose every value follows from the step. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { runAt } from "./run-at.test-support.js";
import type { RunCheckpoint } from "./read-checkpoint.js";

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-run-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What of a checkpoint read back must be as `runAt` has it, in a form that tests compare. */
export function plain({ step, values, optimizer, state }: RunCheckpoint) {
  return {
    step,
    values: Object.fromEntries(values),
    optimizer: Object.fromEntries(optimizer),
    state,
  };
}

export function expectedAt(step: number) {
  const run = runAt(step);
  return {
    step,
    values: Object.fromEntries([...run.parameters].map(([name, { data }]) => [name, data])),
    optimizer: Object.fromEntries(run.optimizer),
    state: run.state,
  };
}
