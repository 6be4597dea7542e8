/** Starts ranks with the machine's mpirun. */
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const version = spawnSync("mpirun", ["--version"], { encoding: "utf8" });
export const hasMpirun = version.status === 0;
/** Tests run as root in containers, with more ranks than cores, and all ranks may use all cores. */
const options = version.stdout?.includes("Open MPI")
  ? ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
  : [];

export const mpirunArguments = (size: number): string[] => [...options, "-n", String(size)];

export interface ProcessResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param args of node */
export function mpirun(size: number, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ProcessResult> {
  const child = spawn("mpirun", [...mpirunArguments(size), process.execPath, ...args], {
    env: { ...process.env, ...env },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const program = fileURLToPath(new URL("rank-program.test-support.ts", import.meta.url));

/** @param act of `rank-program.test-support.ts` */
export const rankProgram = (size: number, act: string, nodeOptions: readonly string[] = []): Promise<ProcessResult> =>
  mpirun(size, ["--import", "tsx", ...nodeOptions, program, act]);

/** Lines of JSON that the ranks have printed, in any order. */
export const printedLines = <T>({ stdout }: ProcessResult): T[] =>
  stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as T);

interface CaseLine {
  readonly name: string;
  readonly rank: number;
  readonly result: unknown;
}

const started = new Map<number, Promise<ProcessResult>>();

/** For `collectiveSuite`: one start of mpirun runs all cases of a size. */
export async function caseOverMpi(size: number, name: string): Promise<unknown[]> {
  const run = started.get(size) ?? rankProgram(size, "cases");
  started.set(size, run);
  const ended = await run;
  const lines = printedLines<CaseLine>(ended).filter((line) => line.name === name);
  if (lines.length !== size) throw new Error(`${lines.length} of ${size} ranks answered: ${ended.stderr}`);
  return lines.sort((a, b) => a.rank - b.rank).map(({ result }) => result);
}
