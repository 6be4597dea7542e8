import { afterEach, describe, expect, test, vi } from "vitest";
import { singleProcess } from "./collective.js";
import { joinCollective, joinRanks, launchVariables, threadsOfRank } from "./launch.js";
import { messageOf } from "./collective.suite.js";
import type { Transport } from "./rank-collective.js";

const torchrun = { RANK: "3", WORLD_SIZE: "4", LOCAL_RANK: "1", MASTER_ADDR: "node-1", MASTER_PORT: "29500" };

test.each([
  ["no launcher", {}, undefined],
  [
    "mpirun of Open MPI, below srun",
    { OMPI_COMM_WORLD_RANK: "1", OMPI_COMM_WORLD_SIZE: "2", SLURM_STEP_NUM_TASKS: "8", ...torchrun },
    { rank: 1, size: 2 },
  ],
  ["mpiexec of MPICH", { PMI_RANK: "0", PMI_SIZE: "3", MPI_LOCALRANKID: "0" }, { rank: 0, size: 3 }],
  [
    "srun --mpi=pmi2",
    { PMI_RANK: "2", PMI_SIZE: "3", SLURM_PROCID: "2", SLURM_STEP_NUM_TASKS: "3" },
    { rank: 2, size: 3 },
  ],
  ["srun --mpi=pmix", { PMIX_RANK: "1", SLURM_PROCID: "1", SLURM_STEP_NUM_TASKS: "2" }, { rank: 1, size: 2 }],
  ["torchrun with one process", { RANK: "0", WORLD_SIZE: "1", MASTER_ADDR: "localhost" }, undefined],
  ["srun with one task", { SLURM_PROCID: "0", SLURM_STEP_NUM_TASKS: "1" }, undefined],
  ["a batch script of Slurm", { SLURM_PROCID: "0", SLURM_NTASKS: "2" }, undefined],
])("%s", (_, env, expected) => {
  expect(launchVariables(env)).toEqual(expected);
});

const messagesOf = (environments: readonly Record<string, string>[]): string =>
  environments
    .map((env) => {
      try {
        return JSON.stringify(launchVariables(env));
      } catch (error) {
        return String(error);
      }
    })
    .join("\n");

test("several processes of a launcher that does not use MPI are refused, naming its variables", () => {
  expect(messagesOf([torchrun, { WORLD_SIZE: "2" }, { RANK: "0" }, { SLURM_PROCID: "1", SLURM_STEP_NUM_TASKS: "2" }]))
    .toMatchInlineSnapshot(`
      "InputError: environment variables RANK, WORLD_SIZE, MASTER_ADDR: expected processes started with mpirun, or with srun --mpi=pmix or --mpi=pmi2, found RANK=3 WORLD_SIZE=4 MASTER_ADDR=node-1, set by a launcher that does not use MPI. Start the command with mpirun -np N or srun --mpi=pmix, or run it in one process: env -u RANK -u WORLD_SIZE -u MASTER_ADDR bridgetower ….
      InputError: environment variable WORLD_SIZE: expected processes started with mpirun, or with srun --mpi=pmix or --mpi=pmi2, found WORLD_SIZE=2, set by a launcher that does not use MPI. Start the command with mpirun -np N or srun --mpi=pmix, or run it in one process: env -u WORLD_SIZE bridgetower ….
      InputError: environment variable RANK: expected processes started with mpirun, or with srun --mpi=pmix or --mpi=pmi2, found RANK=0, set by a launcher that does not use MPI. Start the command with mpirun -np N or srun --mpi=pmix, or run it in one process: env -u RANK bridgetower ….
      InputError: environment variables SLURM_STEP_NUM_TASKS, SLURM_PROCID: expected processes started with mpirun, or with srun --mpi=pmix or --mpi=pmi2, found SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1, set by a launcher that does not use MPI. Start the command with mpirun -np N or srun --mpi=pmix, or run it in one process: env -u SLURM_STEP_NUM_TASKS -u SLURM_PROCID bridgetower …."
    `);
});

test("variables that are not valid are named", () => {
  expect(
    messagesOf([
      { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "two" },
      { OMPI_COMM_WORLD_SIZE: "2" },
      { PMI_RANK: "2", PMI_SIZE: "2" },
      { PMI_RANK: "-1", PMI_SIZE: "2" },
      { PMI_RANK: "0", PMI_SIZE: "1e9" },
      { PMIX_RANK: "0" },
    ]),
  ).toMatchInlineSnapshot(`
    "InputError: environment variable OMPI_COMM_WORLD_SIZE: expected a whole number from 1 to 65536, as MPI launchers set it, found two. Unset the launcher's variables to run in one process.
    InputError: environment variable OMPI_COMM_WORLD_RANK: expected a whole number from 0 to 1, as MPI launchers set it, found an empty value. Unset the launcher's variables to run in one process.
    InputError: environment variable PMI_RANK: expected a whole number from 0 to 1, as MPI launchers set it, found 2. Unset the launcher's variables to run in one process.
    InputError: environment variable PMI_RANK: expected a whole number from 0 to 1, as MPI launchers set it, found -1. Unset the launcher's variables to run in one process.
    InputError: environment variable PMI_SIZE: expected a whole number from 1 to 65536, as MPI launchers set it, found 1e9. Unset the launcher's variables to run in one process.
    InputError: environment variable SLURM_STEP_NUM_TASKS: expected a whole number from 1 to 65536, as MPI launchers set it, found an empty value. Unset the launcher's variables to run in one process."
  `);
});

describe("without koffi", () => {
  afterEach(() => vi.doUnmock("koffi"));

  test("a single process works; several get an error with the package to install", async () => {
    vi.doMock("koffi", () => {
      throw new Error("Cannot find package 'koffi'");
    });
    for (const env of [{}, { RANK: "0", WORLD_SIZE: "1" }, { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "1" }]) {
      expect(await joinCollective(env)).toBe(singleProcess);
    }
    expect(await messageOf(joinCollective({ PMI_RANK: "0", PMI_SIZE: "2" }))).toMatch(
      "found no such package. Install it with npm install koffi.",
    );
  });
});

test("a single process exchanges with itself", async () => {
  const array = Float32Array.of(1, 2);
  await singleProcess.sum([array], "values");
  expect([...array]).toEqual([1, 2]);
  expect(await singleProcess.gather(Uint8Array.of(5), "bytes")).toEqual([Uint8Array.of(5)]);
  await singleProcess.close();
});

describe("number of number of threads of a rank", () => {
  /** Rank 0, with ranks that name their cores so. */
  const joined = (cores: readonly string[]) => {
    const transport = {
      rank: 0,
      size: cores.length,
      meet: (header: Uint8Array) => Promise.resolve(cores.map(() => header)),
      gather: () => Promise.resolve(cores.map((name) => Buffer.from(name))),
    } as Partial<Transport> as Transport;
    return joinRanks(transport, cores[0]);
  };

  test.each([
    ["all on one machine", ["a 0-7", "a 0-7", "a 0-7"], 8, 2],
    ["on two machines", ["a 0-7", "a 0-7", "b 0-7", "b 0-7"], 8, 4],
    ["bound to a core each", ["a 0", "a 1"], 1, 1],
    ["more ranks than cores", ["a 0-1", "a 0-1", "a 0-1"], 2, 1],
  ])("%s", async (_, names, cores, threads) => {
    expect(threadsOfRank(await joined(names), cores)).toBe(threads);
  });

  test("a single process has the libraries' defaults", () => {
    expect(threadsOfRank(singleProcess, 8)).toBe(undefined);
  });
});
