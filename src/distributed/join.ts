/** Finding the other ranks. */
import { alone, type Collective } from "./collective.js";
import { launch, type LaunchVariables } from "./launch.js";
import { RankCollective } from "./rank-collective.js";
import type { Patience, Transport } from "./transport.js";

/** As PyTorch: of its store where ranks meet, and of exchanges between CPUs. */
const defaultPatience: Patience = { joinSeconds: 300, waitSeconds: 1800 };

/**
 * All ranks that the launcher started, by its environment variables: below mpirun over MPI where libmpi is found, else over TCP by
 * MASTER_ADDR and MASTER_PORT. Without a launcher, or with one rank, a collective of this process alone, for which nothing is loaded.
 * @throws InputError for variables that do not fit, or naming the ranks that did not come
 */
export async function joinCollective(
  env: Readonly<Record<string, string | undefined>> = process.env,
  patience: Partial<Patience> = {},
): Promise<Collective> {
  const variables = launch(env);
  if (variables === undefined || variables.size === 1) return alone;
  return new RankCollective(await transportFor(variables, { ...defaultPatience, ...patience }));
}

async function transportFor(
  { rank, size, transport, master }: LaunchVariables,
  patience: Patience,
): Promise<Transport> {
  if (transport === "mpi") {
    const { loadMpi, missingMpi } = await import("./mpi/mpi-library.js");
    const mpi = await loadMpi();
    if (mpi !== undefined) {
      const { MpiTransport } = await import("./mpi/mpi-transport.js");
      return new MpiTransport(mpi, rank, size);
    }
    if (master === undefined) throw missingMpi();
  }
  const { joinTcp } = await import("./tcp/join-tcp.js");
  return joinTcp({ rank, size, master: master! }, patience);
}
