/** A program of one rank, started by `processes.test.ts` as several processes: its argument says what happens. */
import { createHash } from "node:crypto";
import type { Collective } from "./collective.js";
import { joinCollective } from "./join.js";
import { valuesOf } from "./rank-values.test-support.js";

const acts: Readonly<Record<string, (collective: Collective) => Promise<unknown>>> = {
  /** Sums and gathers while timers run. */
  async exchange(collective) {
    const arrays = [0, 1, 7, 32_769, 1_000_003].map((length) => valuesOf(collective.rank, length));
    await collective.sum(arrays);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    // The others wait for the last in the exchange, and tick like it.
    if (collective.rank === collective.size - 1) while (ticks < 50) await new Promise(setImmediate);
    const gathered = await collective.gather(new Uint8Array(3 + collective.rank * 100_000).fill(collective.rank + 1));
    clearInterval(timer);
    const hash = createHash("sha256");
    for (const array of arrays) hash.update(array);
    const parts = gathered.map((bytes) => [bytes.length, bytes[0], bytes.at(-1)]);
    return { rank: collective.rank, size: collective.size, sums: hash.digest("hex"), parts, live: ticks > 3 };
  },
  async killed(collective) {
    await collective.sum([Float32Array.of(1)]);
    if (collective.rank === 1) process.kill(process.pid, "SIGKILL");
    await collective.sum([new Float32Array(1_000_000)]);
  },
  async fails(collective) {
    await collective.sum([Float32Array.of(1)]);
    if (collective.rank === 1) throw new Error("the disk is full");
    await collective.sum([new Float32Array(1_000_000)]);
  },
};

const collective = await joinCollective();
try {
  const said = await acts[process.argv[2]!]!(collective);
  process.stdout.write(`${JSON.stringify(said)}\n`);
  await collective.close();
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`rank ${collective.rank} says: ${reason}\n`);
  process.exitCode = 1;
  await collective.abort(reason);
}
