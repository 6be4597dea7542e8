/** The program of one rank, which `mpirun.test-support.ts` starts: its argument names the action. */
import { collectiveCases } from "./collective.suite.js";
import type { Collective } from "./collective.js";
import { joinCollective } from "./launch.js";

type Act = (collective: Collective, say: (line: object) => void) => Promise<unknown>;

const acts: Readonly<Record<string, Act>> = {
  /** All cases of the shared suite. */
  async cases(collective, say) {
    const { rank } = collective;
    for (const [name, { act }] of Object.entries(collectiveCases)) say({ name, rank, result: await act(collective) });
    await collective.close();
  },

  /** Rank 0 waits in an exchange until it has had 50 timer events; the last one brings rank 1, by a signal. */
  async waits(collective, say) {
    const pids = await collective.gather(Buffer.from(String(process.pid)), "process ids");
    if (collective.rank === 1) {
      const signal = new Promise((resolve) => process.once("SIGUSR2", resolve));
      await collective.gather(new Uint8Array(), "ready");
      // A pending promise alone does not keep a process alive.
      const alive = setInterval(() => undefined, 1000);
      await signal;
      clearInterval(alive);
      await collective.gather(new Uint8Array(), "the one that is waited for");
    } else {
      await collective.gather(new Uint8Array(), "ready");
      let events = 0;
      const timer = setInterval(() => ++events === 50 && process.kill(Number(Buffer.from(pids[1]!)), "SIGUSR2"), 40);
      const [before, begun] = [process.cpuUsage(), performance.now()];
      await collective.gather(new Uint8Array(), "the one that is waited for");
      const { user, system } = process.cpuUsage(before);
      clearInterval(timer);
      say({ share: (user + system) / 1000 / (performance.now() - begun), events });
    }
    await collective.close();
  },

  async killed(collective) {
    await collective.sum([Float32Array.of(1)], "a value");
    if (collective.rank === 1) process.kill(process.pid, "SIGKILL");
    await collective.sum([new Float32Array(1_000_000)], "many values");
  },

  async fails(collective) {
    await collective.sum([Float32Array.of(1)], "a value");
    if (collective.rank === 1) throw new Error("the disk is full");
    await collective.sum([new Float32Array(1_000_000)], "many values");
  },
};

const collective = await joinCollective();
try {
  await acts[process.argv[2]!]!(collective, (line) => process.stdout.write(`${JSON.stringify(line)}\n`));
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`rank ${collective.rank} says: ${reason}\n`);
  process.exitCode = 1;
  await collective.abort(reason);
}
