/**
 * Time and memory of a training step of the base size (forward, backward, AdamW; batch 4, 20 tokens, 288 pixels), compared with
 * PyTorch eager on the same weights in the same run.
 *
 *   npm run bench:train
 *   PYTHON=venv/bin/python npm run bench:train
 *   npm run bench:train -- ROUNDS
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LineServer, machine, printTable, randomCheckpoint, seconds, Times } from "./measure.js";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const rounds = Number(process.argv[2] ?? 5);
const python = process.env.PYTHON ?? "python3";
const folder = randomCheckpoint("base");

interface Step {
  readonly loss: number;
  readonly seconds: number;
  readonly peak: number;
}

const scratch = mkdtempSync(join(tmpdir(), "bridgetower-bench-"));
const batchFile = join(scratch, "batch.json");
const ids = (row: number) => [0, ...Array.from({ length: 18 }, (_, i) => 100 + ((row * 331 + i * 97) % 40_000)), 2];
writeFileSync(batchFile, JSON.stringify({ input_ids: [0, 1, 2, 3].map(ids), labels: [1, 0, 1, 0], side: 288 }));

const ours = (...args: readonly string[]) =>
  new LineServer("npx", ["tsx", here("training-side.ts"), folder, batchFile, ...args]);
/** Our variants by what is recomputed, with their names in the table. */
const variants = [
  ["all kept", "nothing"],
  ["cheap computed again (default)", "cheap"],
  ["blocks computed again", "blocks"],
] as const;

try {
  const steps = new Map<string, Step[]>();
  // Two processes of this size fit into memory, but four do not: each of ours runs in turn with PyTorch.
  const reference = new LineServer(python, [here("reference_training.py"), folder, batchFile]);
  const versions = await reference.next();
  for (const [name, recompute] of variants) {
    const side = ours(recompute);
    await side.next();
    for (let round = 0; round <= rounds; round++) {
      for (const [who, server] of [[name, side] as const, ["PyTorch eager", reference] as const]) {
        const step = (await server.ask({})) as Step;
        // The first step of each allocates memory that later steps reuse.
        if (round > 0) steps.set(who, [...(steps.get(who) ?? []), step]);
        else console.error(`${who}: first loss ${step.loss}`);
      }
    }
    side.close();
  }
  reference.close();
  const times = (name: string) => new Times(steps.get(name)!.map((step) => step.seconds));
  const theirs = times("PyTorch eager");
  const peak = (name: string) => Math.max(...steps.get(name)!.map((step) => step.peak));
  console.log(`${machine()}; ${JSON.stringify(versions)}\n`);
  printTable(
    ["a step", "time", "speed against PyTorch", "peak memory", "of PyTorch's"],
    [...steps.keys()].map((name) => [
      name,
      String(times(name)),
      `${(theirs.median / times(name).median).toFixed(2)}×`,
      `${(peak(name) / 1e9).toFixed(2)} GB`,
      (peak(name) / peak("PyTorch eager")).toFixed(2),
    ]),
  );
  console.log("\nTime by op (default):\n");
  printTable(["ONNX op", "time", "nodes"], await timeByOp());
} finally {
  rmSync(scratch, { recursive: true });
}

/** One step's time by ONNX op, from ONNX Runtime's profile. */
async function timeByOp(): Promise<string[][]> {
  mkdirSync(join(scratch, "profile"));
  const side = ours("cheap", join(scratch, "profile", "step"));
  await side.next();
  for (let i = 0; i < 3; i++) await side.ask({});
  side.close();
  await side.ended;
  const [file] = readdirSync(join(scratch, "profile"));
  const events = JSON.parse(readFileSync(join(scratch, "profile", file!), "utf8")) as {
    name: string;
    ts: number;
    dur: number;
    args?: { op_name?: string };
  }[];
  const run = events.filter(({ name }) => name === "model_run").at(-1)!;
  const ops = new Map<string, { time: number; nodes: number }>();
  for (const { name, ts, dur, args } of events) {
    if (!name.endsWith("_kernel_time") || ts < run.ts || ts > run.ts + run.dur) continue;
    const op = args?.op_name ?? "";
    const { time, nodes } = ops.get(op) ?? { time: 0, nodes: 0 };
    ops.set(op, { time: time + dur / 1e6, nodes: nodes + 1 });
  }
  const sorted = [...ops].sort(([, a], [, b]) => b.time - a.time).slice(0, 14);
  return sorted.map(([op, { time, nodes }]) => [op, seconds(time), String(nodes)]);
}
