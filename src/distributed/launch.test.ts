import { expect, test } from "vitest";
import { joinCollective } from "./join.js";
import { launch } from "./launch.js";
import { missingMpi } from "./mpi/mpi-library.js";

const master = { MASTER_ADDR: "node-1", MASTER_PORT: "29500" };
const address = { host: "node-1", port: 29_500 };

test.each([
  ["nothing", {}, undefined],
  [
    "torchrun",
    { RANK: "3", WORLD_SIZE: "4", LOCAL_RANK: "1", LOCAL_WORLD_SIZE: "2", ...master },
    { rank: 3, size: 4, localRank: 1, localSize: 2, transport: "tcp", master: address },
  ],
  [
    "torchrun whose own store has the port",
    { RANK: "0", WORLD_SIZE: "2", ...master, TORCHELASTIC_USE_AGENT_STORE: "True" },
    { rank: 0, size: 2, transport: "tcp", master: { host: "node-1", port: 29_501 } },
  ],
  ["one process", { RANK: "0", WORLD_SIZE: "1" }, { rank: 0, size: 1, transport: "tcp" }],
  [
    "mpirun of Open MPI",
    {
      OMPI_COMM_WORLD_RANK: "1",
      OMPI_COMM_WORLD_SIZE: "2",
      OMPI_COMM_WORLD_LOCAL_RANK: "0",
      OMPI_COMM_WORLD_LOCAL_SIZE: "1",
      RANK: "7",
    },
    { rank: 1, size: 2, localRank: 0, localSize: 1, transport: "mpi" },
  ],
  [
    "mpiexec of MPICH, with an address",
    { PMI_RANK: "0", PMI_SIZE: "3", MPI_LOCALRANKID: "0", MPI_LOCALNRANKS: "3", ...master },
    { rank: 0, size: 3, localRank: 0, localSize: 3, transport: "mpi", master: address },
  ],
  [
    "srun",
    { SLURM_PROCID: "1", SLURM_STEP_NUM_TASKS: "2", SLURM_LOCALID: "1", SLURM_NTASKS: "2", ...master },
    { rank: 1, size: 2, localRank: 1, transport: "tcp", master: address },
  ],
  ["a batch script of Slurm", { SLURM_PROCID: "0", SLURM_NTASKS: "2" }, undefined],
])("%s", (_, env, expected) => {
  expect(launch(env)).toEqual(expected);
});

test("variables that do not fit are named", () => {
  const messages = [
    { WORLD_SIZE: "2", ...master },
    { RANK: "0", ...master },
    { RANK: "2", WORLD_SIZE: "2", ...master },
    { RANK: "-1", WORLD_SIZE: "2", ...master },
    { RANK: "0", WORLD_SIZE: "1e9", ...master },
    { RANK: "0", WORLD_SIZE: "2" },
    { RANK: "0", WORLD_SIZE: "2", MASTER_ADDR: "node-1" },
    { RANK: "0", WORLD_SIZE: "2", MASTER_ADDR: "node-1", MASTER_PORT: "70000" },
    { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "two" },
  ].map((env) => {
    try {
      return JSON.stringify(launch(env));
    } catch (error) {
      return String(error);
    }
  });
  expect(messages.join("\n")).toMatchInlineSnapshot(`
    "InputError: environment variable RANK: expected a whole number from 0 to 1, as launchers of several processes set it, found nothing. Unset the launcher's variables to train in one process.
    InputError: environment variable WORLD_SIZE: expected a whole number from 1 to 65536, as launchers of several processes set it, found nothing. Unset the launcher's variables to train in one process.
    InputError: environment variable RANK: expected a whole number from 0 to 1, as launchers of several processes set it, found 2. Unset the launcher's variables to train in one process.
    InputError: environment variable RANK: expected a whole number from 0 to 1, as launchers of several processes set it, found -1. Unset the launcher's variables to train in one process.
    InputError: environment variable WORLD_SIZE: expected a whole number from 1 to 65536, as launchers of several processes set it, found 1e9. Unset the launcher's variables to train in one process.
    InputError: MASTER_ADDR: expected the name or address of the machine that rank 0 runs on, found nothing. Set MASTER_ADDR and MASTER_PORT to the same values for every rank.
    InputError: environment variable MASTER_PORT: expected a whole number from 1 to 65535, as launchers of several processes set it, found nothing. Unset the launcher's variables to train in one process.
    InputError: environment variable MASTER_PORT: expected a whole number from 1 to 65535, as launchers of several processes set it, found 70000. Unset the launcher's variables to train in one process.
    InputError: environment variable OMPI_COMM_WORLD_SIZE: expected a whole number from 1 to 65536, as launchers of several processes set it, found two. Unset the launcher's variables to train in one process."
  `);
});

test("without a launcher, or with one rank, a process is alone", async () => {
  for (const env of [{}, { RANK: "0", WORLD_SIZE: "1" }, { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "1" }]) {
    const collective = await joinCollective(env);
    const array = Float32Array.of(1, 2);
    await collective.sum([array]);
    expect([...array]).toEqual([1, 2]);
    expect(await collective.gather(Uint8Array.of(5))).toEqual([Uint8Array.of(5)]);
    expect([collective.rank, collective.size]).toEqual([0, 1]);
    await collective.close();
  }
});

test("without libmpi its names are said, and the other way", () => {
  expect(missingMpi().message).toMatchInlineSnapshot(
    `"libmpi: expected the library of the mpirun that started this process (libmpi.so.40, libmpi.40.dylib, libmpi.so.12, libmpich.so.12, libmpi.12.dylib), found none that loads. Name its folder in LD_LIBRARY_PATH, or pass MASTER_ADDR and MASTER_PORT to all ranks: they then use TCP."`,
  );
});
