/** Ranks as processes of their own: started by hand for TCP, and by mpirun where it is installed. */
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { freePort } from "./tcp/free-port.test-support.js";

const program = fileURLToPath(new URL("rank-program.test-support.ts", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[], env: Record<string, string>): Promise<Ended> {
  const child = spawn(command, args, { env: { ...process.env, ...env } });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const node = (act: string): string[] => ["--import", "tsx", program, act];

async function overTcp(act: string, size: number): Promise<Ended[]> {
  const port = await freePort();
  const variables = { WORLD_SIZE: String(size), MASTER_ADDR: "localhost", MASTER_PORT: String(port) };
  return Promise.all(
    Array.from({ length: size }, (_, rank) => run(process.execPath, node(act), { ...variables, RANK: String(rank) })),
  );
}

const lines = (text: string): unknown[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as unknown);

/** All say the same, each with its own rank. */
function expectExchange(said: readonly unknown[], size: number): void {
  const { sums } = said[0] as { sums: string };
  const parts = Array.from({ length: size }, (_, rank) => [3 + rank * 100_000, rank + 1, rank + 1]);
  const byRank = new Map(said.map((line) => [(line as { rank: number }).rank, line]));
  expect(byRank.size).toBe(size);
  for (const [rank, line] of byRank) expect(line).toEqual({ rank, size, sums, parts, live: true });
}

describe("over TCP", () => {
  test("processes exchange", async () => {
    const ended = await overTcp("exchange", 2);
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ""],
      [0, ""],
    ]);
    expectExchange(
      ended.flatMap(({ stdout }) => lines(stdout)),
      2,
    );
  });

  test("when one is killed, the others end and name it", async () => {
    const [zero, one, two] = await overTcp("killed", 3);
    expect(one!.code).toBe(null);
    for (const [rank, { code, stderr }] of [[0, zero!] as const, [2, two!] as const]) {
      expect(stderr).toBe(
        `rank ${rank} says: rank 1: expected to take part until all are done, found it has ended. ` +
          "See its own messages, then start all ranks again.\n",
      );
      expect(code).toBe(1);
    }
  });

  test("when one fails, the others end with its reason", async () => {
    const ended = await overTcp("fails", 2);
    expect(ended.map(({ code }) => code)).toEqual([1, 1]);
    expect(ended[0]!.stderr).toMatch("found it has ended: the disk is full. See its own messages");
    expect(ended[1]!.stderr).toBe("rank 1 says: the disk is full\n");
  });
});

const mpirun = spawnSync("mpirun", ["--version"], { encoding: "utf8" });
const openMpi = mpirun.status === 0 && mpirun.stdout.includes("Open MPI");

describe.runIf(mpirun.status === 0)("over MPI", () => {
  const overMpi = (act: string, size: number) => {
    const args = openMpi ? ["--allow-run-as-root", "--oversubscribe"] : [];
    return run("mpirun", [...args, "-n", String(size), process.execPath, ...node(act)], {});
  };

  test.each([2, 3])("%i processes exchange", async (size) => {
    const { code, stdout, stderr } = await overMpi("exchange", size);
    expect([code, stderr]).toEqual([0, ""]);
    expectExchange(lines(stdout), size);
  });

  test.each(["killed", "fails"])("when one is lost (%s), mpirun ends all", async (act) => {
    const { code, stdout, stderr } = await overMpi(act, 2);
    expect(code).not.toBe(0);
    expect(lines(stdout)).toEqual([]);
    if (act === "fails") expect(stderr).toMatch("rank 1 says: the disk is full");
  });
});
