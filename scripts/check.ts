/**
 * `npm run check`: format, lint, types and build, two at a time because each uses one core, then the tests. What a program prints is
 * shown when it ends. All of them run, also after one has failed, except the tests.
 */
import { spawn } from "node:child_process";

/** The longest first: the others run one after another beside it. */
const programs = [
  "eslint .",
  "prettier --check --log-level warn .",
  "tsc --noEmit",
  // Otherwise the tests would wait for it.
  "tsx scripts/build-if-changed.ts",
];

/** Runs a program of `node_modules/.bin`, which npm adds to the path. @returns its exit code, 1 if a signal ended it */
function run(command: string, stdio: "inherit" | "pipe"): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(command, { shell: true, stdio: ["ignore", stdio, stdio] });
    const output: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => output.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (stdio === "pipe") {
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        process.stdout.write(`${code === 0 ? "✓" : "✗"} ${command} (${seconds} s)\n`);
        process.stdout.write(Buffer.concat(output));
      }
      resolve(code ?? 1);
    });
  });
}

const waiting = programs.values();

/** Runs programs until none is left. @returns whether all of them succeeded */
async function runWaiting(): Promise<boolean> {
  let succeeded = true;
  for (const command of waiting) succeeded = (await run(command, "pipe")) === 0 && succeeded;
  return succeeded;
}

const succeeded = await Promise.all([runWaiting(), runWaiting()]);
process.exitCode = succeeded.every(Boolean) ? await run("vitest run", "inherit") : 1;
