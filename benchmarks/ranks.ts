/**
 * The cost of two ranks on one machine. The same step of the base size (288 pixels, 20 tokens, matching, two micro-batches of 2 pairs) by
 * one process and by two that mpirun starts: time of a step, and of summing the gradients in it.
 *
 *   npm run bench:ranks
 *   npm run bench:ranks -- STEPS
 */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { mpirunArguments } from "../src/distributed/mpirun.test-support.js";
import { machine, printTable, randomCheckpoint, seconds, Times } from "./measure.js";

/** What `ranks-side.ts` prints: seconds of each step, seconds of the sum in it, bytes summed, and the last loss. */
interface Side {
  readonly steps: readonly number[];
  readonly sums: readonly number[];
  readonly bytes: number;
  readonly loss: number;
}

const steps = process.argv[2] ?? "5";
const folder = randomCheckpoint("base");
const side = ["--import", "tsx", fileURLToPath(new URL("ranks-side.ts", import.meta.url)), folder, steps];
const cores = availableParallelism();

const results = new Map<string, Side>();
results.set("one process", await started([process.execPath, ...side, String(cores)]));
const each = String(Math.max(1, Math.floor(cores / 2)));
results.set("two ranks", await started(["mpirun", ...mpirunArguments(2), process.execPath, ...side, each]));

const baseline = new Times(results.get("one process")!.steps).median;
console.log(`${machine()}; ${steps} steps, one before them left out\n`);
printTable(
  ["", "a step", "against one process", "sum of gradients", "share of the step", "loss of the last"],
  [...results].map(([name, { steps, sums, bytes, loss }]) => {
    const [step, sum] = [new Times(steps), new Times(sums)];
    return [
      name,
      String(step),
      `${(baseline / step.median).toFixed(2)}×`,
      bytes === 0 ? "none" : `${seconds(sum.median)} for ${(bytes / 1e6).toFixed(0)} MB`,
      `${((100 * sum.median) / step.median).toFixed(1)} %`,
      loss.toFixed(7),
    ];
  }),
);

/** The first rank's line. */
function started(command: readonly string[]): Promise<Side> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("close", (code) => {
      if (code !== 0) reject(new Error(`${command.join(" ")} ended with ${String(code)}`));
      else resolve(JSON.parse(text.trim().split("\n")[0] || "{}") as Side);
    });
  });
}
