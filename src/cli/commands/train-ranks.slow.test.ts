/** The command `train` below mpirun, if it is installed. */
import { spawn } from "node:child_process";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { hasMpirun, mpirunArguments } from "../../distributed/mpirun.test-support.js";
import { logOf, makePairs, temporaryFolder, tinySettings } from "../../training/tiny-run.test-support.js";
import type { TrainingInput } from "../../training/index.js";
import { runCli, runShell } from "../run-cli.test-support.js";

async function runFolder(changes: Partial<TrainingInput>): Promise<{ root: string; config: string; output: string }> {
  const root = await temporaryFolder();
  await makePairs(root);
  const config = join(root, "run.json");
  const settings = tinySettings(root, changes);
  await writeFile(config, JSON.stringify(settings));
  return { root, config, output: settings.output };
}

const mpirun = `mpirun ${mpirunArguments(2).join(" ")}`;

describe.runIf(hasMpirun)("below mpirun", () => {
  test("two processes write the losses of one and exit together", async () => {
    const one = await runFolder({ max_steps: 12, objectives: { itm_itc: 1, mlm: 1 }, per_gpu_batchsize: 3 });
    expect((await runCli(["train", one.config])).code).toBe(0);
    const two = join(one.root, "two");
    const { code, stdout } = await runShell(`exec ${mpirun} "$@" train ${one.config} --output ${two}`);
    expect(code).toBe(0);
    // Rank 0 alone prints.
    expect(stdout.match(/12 steps done/g)).toHaveLength(1);
    const [expected, found] = [await logOf(one.output), await logOf(two)];
    expect(found).toHaveLength(expected.length);
    for (const [i, line] of found.entries()) {
      for (const [name, value] of Object.entries(line)) {
        expect(value, `${name} of line ${i + 1}`).toBeCloseTo(
          (expected[i] as Record<string, number>)[name]!,
          name === "grad_norm" ? 3 : 5,
        );
      }
    }
  });

  test("evaluate prints the results of one process, once", async () => {
    const args = "evaluate --data examples/images --metric itm --metric retrieval --limit 6 --json";
    const [one, two] = [await runShell(`exec "$@" ${args}`), await runShell(`exec ${mpirun} "$@" ${args}`)];
    expect([two.code, two.stdout]).toEqual([0, one.stdout]);
  });

  /** Starts a long run; `onStep` gets each step that rank 0 logs and the process id of rank 1. */
  async function watchedRun(config: string, onStep: (step: number, pid: number) => void) {
    const file = `${config}.pid`;
    // Rank 1 always reports success: the exit code of mpirun is that of rank 0.
    const script = `if [ "$OMPI_COMM_WORLD_RANK$PMI_RANK" = 1 ]; then "$@" & echo $! > ${file}; wait; exit 0; fi; exec "$@"`;
    const command = [process.execPath, "dist/cli/main.js", "train", config];
    const child = spawn("mpirun", [...mpirunArguments(2), "sh", "-c", script, "sh", ...command]);
    onTestFinished(() => void child.kill("SIGKILL"));
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => (stdout += String(chunk)));
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += String(chunk);
      const step = /^step (\d+) {2}/m.exec(String(chunk))?.[1];
      if (step !== undefined) void readFile(file, "utf8").then((pid) => onStep(Number(step), Number(pid)));
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    return { code, stdout, stderr };
  }

  test("a run interrupted at rank 1 saves a checkpoint and exits with 130 at rank 0 too", async () => {
    const { config, output } = await runFolder({ max_steps: 100_000, save_steps: 100_000 });
    let isStopped = false;
    const { code, stdout } = await watchedRun(config, (step, pid) => {
      if (step < 3 || isStopped) return;
      isStopped = true;
      process.kill(pid, "SIGINT");
    });
    expect(stdout).toMatch(/^stopped after \d+ of 100000 steps/);
    expect(code).toBe(130);
    expect((await readdir(output)).filter((name) => name.startsWith("checkpoint-"))).toHaveLength(1);
  });
});
