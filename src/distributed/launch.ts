/** Joins the processes that mpirun or srun started, by the environment variables that these set. */
import { readFileSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { InputError } from "../errors.js";
import { singleProcess, type Collective } from "./collective.js";
import { RankCollective, type Transport } from "./rank-collective.js";

type Environment = Readonly<Record<string, string | undefined>>;

export interface LaunchVariables {
  /** 0 to size - 1. */
  readonly rank: number;
  readonly size: number;
}

/** The first launcher whose variables are set counts: mpirun may itself run below srun. */
const mpiLaunchers = [
  // mpirun of Open MPI
  { rank: "OMPI_COMM_WORLD_RANK", size: "OMPI_COMM_WORLD_SIZE" },
  // mpiexec of MPICH and Intel MPI, srun --mpi=pmi2
  { rank: "PMI_RANK", size: "PMI_SIZE" },
  // srun --mpi=pmix
  { rank: "PMIX_RANK", size: "SLURM_STEP_NUM_TASKS" },
] as const;

/**
 * All ranks that mpirun or srun started, over MPI. Without an MPI launcher, or with one rank, a collective of this process alone, for which
 * no library is loaded.
 * @throws InputError for variables of a launcher that does not use MPI, for variables that are not valid, and without libmpi or koffi
 */
export async function joinCollective(env: Environment = process.env): Promise<Collective> {
  const variables = launchVariables(env);
  if (variables === undefined || variables.size === 1) return singleProcess;
  const { loadMpi } = await import("./mpi/mpi-library.js");
  const { MpiTransport } = await import("./mpi/mpi-transport.js");
  return joinRanks(new MpiTransport(await loadMpi(env), variables));
}

/** @param cores names the cores that this rank may use: ranks with the same name share them */
export async function joinRanks(transport: Transport, cores = coresOfProcess()): Promise<Collective> {
  const own = Buffer.from(cores);
  const all = await new RankCollective(transport, 1).gather(own, "cores of each rank");
  return new RankCollective(transport, all.filter((other) => own.equals(other)).length);
}

/**
 * Threads of a rank unless settings say otherwise: the cores that it may use, divided by the ranks that share them, at least 1. `undefined`
 * for a single process, which uses the default of each library.
 */
export const threadsOfRank = ({ size, localSize }: Collective, cores = availableParallelism()): number | undefined =>
  size === 1 ? undefined : Math.max(1, Math.floor(cores / localSize));

/**
 * The variables of the MPI launcher, `undefined` when none started this process.
 * @throws InputError for a variable that is missing or not valid, and if several processes were started by a launcher that does not use MPI
 */
export function launchVariables(env: Environment): LaunchVariables | undefined {
  const launcher = mpiLaunchers.find(
    ({ rank, size }) => isSet(env, rank) || (isSet(env, size) && !size.startsWith("SLURM")),
  );
  if (launcher === undefined) {
    refuseOtherLaunchers(env);
    return undefined;
  }
  const size = wholeNumber(env, launcher.size, 1, 65_536);
  return { rank: wholeNumber(env, launcher.rank, 0, size - 1), size };
}

/** Each process would train alone, and all of them would write the same files. */
function refuseOtherLaunchers(env: Environment): void {
  const torchrun = ["RANK", "WORLD_SIZE", "MASTER_ADDR"].filter((name) => isSet(env, name));
  const isWorldOfOne = env.WORLD_SIZE?.trim() === "1" && (env.RANK ?? "0").trim() === "0";
  if (torchrun.length > 0 && !isWorldOfOne) throw otherLauncher(env, torchrun);
  // SLURM_NTASKS is also set in a batch script, which runs once: only a step of srun has several processes.
  const slurm = ["SLURM_STEP_NUM_TASKS", "SLURM_PROCID"].filter((name) => isSet(env, name));
  if (isSet(env, "SLURM_STEP_NUM_TASKS") && env.SLURM_STEP_NUM_TASKS !== "1") throw otherLauncher(env, slurm);
}

const otherLauncher = (env: Environment, names: readonly string[]): InputError =>
  new InputError({
    code: "rank-failure",
    where: `environment variable${names.length === 1 ? "" : "s"} ${names.join(", ")}`,
    expected: "processes started with mpirun, or with srun --mpi=pmix or --mpi=pmi2",
    found: `${names.map((name) => `${name}=${env[name]}`).join(" ")}, set by a launcher that does not use MPI`,
    hint: `Start the command with mpirun -np N or srun --mpi=pmix, or run it in one process: env ${names.map((name) => `-u ${name}`).join(" ")} bridgetower …`,
  });

const isSet = (env: Environment, name: string): boolean => (env[name] ?? "") !== "";

function wholeNumber(env: Environment, name: string, min: number, max: number): number {
  const text = env[name] ?? "";
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new InputError({
    code: "invalid-setting",
    where: `environment variable ${name}`,
    expected: `a whole number from ${min} to ${max}, as MPI launchers set it`,
    found: text === "" ? "an empty value" : text,
    hint: "Unset the launcher's variables to run in one process",
  });
}

/**
 * Machine and cores. mpirun may bind ranks to different cores, and a container may have a part of a machine's: ranks that share cores must
 * be grouped, and no variable of a launcher gives that.
 */
function coresOfProcess(): string {
  const machine = textOf("/proc/sys/kernel/random/boot_id") ?? hostname();
  const cores = /^Cpus_allowed_list:\s*(.*)$/m.exec(textOf("/proc/self/status") ?? "")?.[1];
  return `${machine.trim()} ${cores ?? ""}`;
}

/** `undefined` on systems without the file. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
