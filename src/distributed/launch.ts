/** What the program that started the ranks says in environment variables: mpirun, mpiexec, torchrun, srun, or a person. */
import { InputError } from "../errors.js";

type Environment = Readonly<Record<string, string | undefined>>;

export interface LaunchVariables {
  /** 0 to size - 1. */
  readonly rank: number;
  readonly size: number;
  /** The rank among those of this machine, where the launcher says it. */
  readonly localRank?: number;
  /** Ranks on this machine, where the launcher says it: they share its cores. */
  readonly localSize?: number;
  /** How the ranks reach each other. */
  readonly transport: "mpi" | "tcp";
  /** Where rank 0 listens; always there for `tcp`. */
  readonly master?: { readonly host: string; readonly port: number };
}

interface Launcher {
  readonly transport: LaunchVariables["transport"];
  readonly rank: string;
  readonly size: string;
  readonly localRank: string;
  readonly localSize?: string;
}

/** The first whose variables are set counts: mpirun may itself run below srun. */
const launchers: readonly Launcher[] = [
  {
    transport: "mpi",
    rank: "OMPI_COMM_WORLD_RANK",
    size: "OMPI_COMM_WORLD_SIZE",
    localRank: "OMPI_COMM_WORLD_LOCAL_RANK",
    localSize: "OMPI_COMM_WORLD_LOCAL_SIZE",
  },
  {
    transport: "mpi",
    rank: "PMI_RANK",
    size: "PMI_SIZE",
    localRank: "MPI_LOCALRANKID",
    localSize: "MPI_LOCALNRANKS",
  },
  { transport: "tcp", rank: "RANK", size: "WORLD_SIZE", localRank: "LOCAL_RANK", localSize: "LOCAL_WORLD_SIZE" },
  // SLURM_NTASKS is also set in a batch script, which runs once: only a step of srun has several processes.
  { transport: "tcp", rank: "SLURM_PROCID", size: "SLURM_STEP_NUM_TASKS", localRank: "SLURM_LOCALID" },
];

/**
 * The variables of the launcher, `undefined` where none started this process.
 * @throws InputError for one that is missing or no number that fits
 */
export function launch(env: Environment): LaunchVariables | undefined {
  const launcher = launchers.find(
    ({ rank, size }) => present(env, size) || (present(env, rank) && !rank.startsWith("SLURM")),
  );
  if (launcher === undefined) return undefined;
  const { transport } = launcher;
  const size = wholeNumber(env, launcher.size, 1);
  const rank = wholeNumber(env, launcher.rank, 0, size - 1);
  const { localRank, localSize } = launcher;
  const needsMaster = transport === "tcp" && size > 1;
  return {
    rank,
    size,
    transport,
    ...(present(env, localRank) ? { localRank: wholeNumber(env, localRank, 0, size - 1) } : {}),
    ...(localSize !== undefined && present(env, localSize) ? { localSize: wholeNumber(env, localSize, 1, size) } : {}),
    ...(needsMaster || (present(env, "MASTER_ADDR") && present(env, "MASTER_PORT")) ? { master: master(env) } : {}),
  };
}

function master(env: Environment): { host: string; port: number } {
  const host = env.MASTER_ADDR?.trim() ?? "";
  if (host === "") {
    throw new InputError({
      code: "invalid-setting",
      where: "MASTER_ADDR",
      expected: "the name or address of the machine that rank 0 runs on",
      found: "nothing",
      hint: "Set MASTER_ADDR and MASTER_PORT to the same values for every rank",
    });
  }
  // torchrun's own store then listens on MASTER_PORT itself.
  const taken = env.TORCHELASTIC_USE_AGENT_STORE === "True";
  const port = wholeNumber(env, "MASTER_PORT", 1, taken ? 65_534 : 65_535);
  return { host, port: taken ? port + 1 : port };
}

const present = (env: Environment, name: string): boolean => (env[name] ?? "") !== "";

function wholeNumber(env: Environment, name: string, least: number, most = 65_536): number {
  const text = env[name] ?? "";
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new InputError({
    code: "invalid-setting",
    where: `environment variable ${name}`,
    expected: `a whole number from ${least} to ${most}, as launchers of several processes set it`,
    found: text === "" ? "nothing" : text,
    hint: `Unset the launcher's variables to train in one process`,
  });
}
