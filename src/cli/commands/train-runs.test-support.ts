/** Runs of the command `train` that tests start, stop and kill. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { Random } from "../../random/index.js";
import { logOf, makePairs, temporaryFolder, tinySettings } from "../../training/tiny-run.test-support.js";
import type { TrainingInput } from "../../training/index.js";
import { documentOf, runCli, spawnCli } from "../run-cli.test-support.js";

/** A folder with images and the settings of a run on them. */
export async function runFolder(
  changes: Partial<TrainingInput> = {},
): Promise<{ root: string; config: string; output: string }> {
  const root = await temporaryFolder();
  await makePairs(root);
  const config = join(root, "run.json");
  const settings = tinySettings(root, changes);
  await writeFile(config, JSON.stringify(settings));
  return { root, config, output: settings.output };
}

export interface Watched {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  readonly stdout: string;
}

/** Runs the command; `onStep` is called for each step that is logged. */
export function watched(
  args: readonly string[],
  onStep: (step: number, end: (signal: NodeJS.Signals) => void) => void,
): Promise<Watched> {
  const child = spawnCli(args);
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdin.end();
  let [stdout, stderr, rest] = ["", "", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const step = /^step (\d+) {2}/.exec(line)?.[1];
      if (step !== undefined) onStep(Number(step), (signal) => void child.kill(signal));
    }
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

export const weightsIn = (folder: string) => readFile(join(folder, "model.safetensors"));

/** Without the lines that a run logs on standard error. */
export function quiet<T extends { readonly stderr: string }>(result: T): T {
  const stderr = result.stderr
    .split("\n")
    .filter((line) => !/^step \d+[ :]/.test(line))
    .join("\n");
  return { ...result, stderr };
}

/** Kills a run at random moments, lets it end, and expects the log and the weights of a run that was not killed. */
export async function compareKilledRun({ kills, max_steps }: { readonly kills: number; readonly max_steps: number }) {
  const changes = {
    max_steps,
    save_steps: 2,
    val_check_interval: max_steps / 4,
    objectives: { itm: 1, mlm: 1, itc: 1 },
  };
  const left = await runFolder(changes);
  const withValidation = ["--set", `data.validation=${join(left.root, "pairs")}`];
  documentOf<object>(
    await runCli(["train", left.config, "--json", ...withValidation, "--set", "log_every_n_steps=1"]).then(quiet),
  );
  const expected = await logOf(left.output);

  const killed = join(left.root, "killed");
  const args = ["train", left.config, ...withValidation, "--output", killed];
  const random = new Random(5).at("kills");
  for (let kill = 0; kill < kills; kill++) {
    let steps = 1 + random.below(5);
    const delay = random.uniform() * 40;
    const ended = await watched(args, (_, end) => {
      if (--steps === 0) setTimeout(() => end("SIGKILL"), delay);
    });
    expect(ended).toMatchObject({ signal: "SIGKILL" });
  }
  expect((await watched(args, () => undefined)).code).toBe(0);
  expect(await logOf(killed)).toEqual(expected);
  expect((await weightsIn(killed)).equals(await weightsIn(left.output))).toBe(true);
}
