/** Kills a long command at random moments, lets it finish, and compares its results with those of an uninterrupted run. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { Random } from "../../src/random/index.js";
import { inputsIn, longCommands, resultsOf, type LongCommand } from "./long-commands.js";

const repository = fileURLToPath(new URL("../..", import.meta.url));

export interface KillReport {
  readonly command: string;
  readonly seed: number;
  /** Runs that were killed before their end. */
  readonly kills: number;
  /** Of these, the ones that had changed their output folder. */
  readonly whileWriting: number;
  /** Runs that were over before the moment of their kill. */
  readonly tooLate: number;
  /** Comparisons with the uninterrupted run, each after one kill or more. */
  readonly compared: number;
  /** Milliseconds of the uninterrupted run. */
  readonly duration: number;
  readonly problems: readonly string[];
}

/** The command line as a process; exit code null if it was killed. */
export async function runCliProcess(
  args: readonly string[],
  killAfterMs?: number,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [join(repository, "dist/cli/main.js"), ...args], {
    cwd: repository,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, HF_HUB_OFFLINE: "1" },
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (text: Buffer) => (output.stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => (output.stderr += text.toString()));
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { code, ...output };
}

/**
 * Kills the command `times` times. Up to three kills interrupt one piece of work; then it is finished and compared.
 * @param root a folder that `makeInputs` has filled
 */
export async function killCommand(root: string, name: string, times: number, seed: number): Promise<KillReport> {
  const command = longCommands(inputsIn(root)).find((one) => one.name === name)!;
  const random = new Random(seed).at("kills", name);
  const out = join(root, `killed-${name}`);
  const reset = async () => {
    await rm(out, { recursive: true, force: true });
    await command.before?.(out);
  };
  await reset();
  const before = await resultsOf(command, out);
  const start = performance.now();
  const reference = await runCliProcess(command.args(out));
  const duration = performance.now() - start;
  if (reference.code !== 0) throw new Error(`${name}: ${reference.stderr}`);
  const expected = await resultsOf(command, out);
  const count = { kills: 0, whileWriting: 0, tooLate: 0, compared: 0 };
  const problems: string[] = [];
  while (count.kills < times) {
    await reset();
    const wanted = Math.min(1 + random.below(3), times - count.kills);
    for (let kill = 0; kill < wanted; kill++) {
      const { code, stderr } = await runCliProcess(command.args(out), random.uniform() * duration);
      if (code === null) {
        count.kills++;
        const left = await resultsOf(command, out);
        if (!isDeepStrictEqual(left, before)) count.whileWriting++;
        problems.push(...mixOf(command, left, before, expected).map((problem) => `kill ${count.kills}: ${problem}`));
      } else if (code === 0) count.tooLate++;
      else problems.push(`kill ${count.kills + 1}: exit code ${code}: ${stderr.trim().split("\n").at(-1)}`);
    }
    const { code, stderr } = await runCliProcess(command.args(out));
    const found = await resultsOf(command, out);
    count.compared++;
    if (code !== 0) problems.push(`after ${count.kills} kills: ${stderr.trim().split("\n").at(-1)}`);
    else if (!isDeepStrictEqual(found, expected)) {
      const different = Object.keys({ ...found, ...expected }).filter((file) => found[file] !== expected[file]);
      problems.push(`after ${count.kills} kills: other results: ${different.join(", ")}`);
    }
  }
  return { command: name, seed, ...count, duration: Math.round(duration), problems };
}

/** A killed command leaves each file as it was, or complete; of a model or an export all or none, or no file that makes it usable. */
function mixOf(
  { name }: LongCommand,
  left: Readonly<Record<string, string>>,
  before: Readonly<Record<string, string>>,
  expected: Readonly<Record<string, string>>,
): string[] {
  if (name === "train") return [];
  const visible = Object.entries(left).filter(([, hash]) => hash !== "hidden");
  const torn = visible.filter(([file, hash]) => hash !== before[file] && hash !== expected[file]);
  if (torn.length > 0) return [`${torn.map(([file]) => file).join(", ")}: neither the old nor the new file`];
  if (name !== "convert" || left["config.json"] === undefined) return [];
  const files = Object.fromEntries(visible);
  return isDeepStrictEqual(files, before) || isDeepStrictEqual(files, expected) ? [] : ["a mix of two models"];
}
