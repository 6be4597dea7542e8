/**
 * The process in which cases run, so that a hang or a lack of memory ends this process and not the fuzzer. Gets one job a message. Writes a
 * line to file descriptor 3 before and after every case, at once: the last line tells which case it was.
 */
import { writeSync } from "node:fs";
import { readFile } from "node:fs/promises";

import { caseBytes, type Format } from "./format.js";
import type { ChildLine, Job } from "./fuzz-session.js";
import { describeError, prepareFolder, runCase } from "./run-case.js";

const [formatsModule, folder] = process.argv.slice(2) as [string, string];
const { formats } = (await import(formatsModule)) as { readonly formats: readonly Format[] };

function report(line: ChildLine): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(3, bytes, done);
    } catch (error) {
      // The pipe is full until the parent has read.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
  }
}

// An error that no one awaits is one of the case too: the parent reads the message and names the case.
for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (error: unknown) => {
    process.stderr.write(`${event}: ${describeError(error)}\n`, () => process.exit(1));
  });
}

async function run({ format: name, seed, from, to, file }: Job): Promise<void> {
  const format = formats.find((one) => one.name === name)!;
  const path = await prepareFolder(format, folder);
  const samples = file === undefined ? await format.samples() : [];
  for (let index = from; index < to; index++) {
    const bytes = file === undefined ? caseBytes(format, samples, seed, index) : await readFile(file);
    report({ start: index });
    const outcome = await runCase(format, path, bytes);
    report(typeof outcome === "string" ? { end: index, outcome } : { end: index, problem: outcome });
  }
  report({ done: true });
}

process.on("message", (job: Job) => void run(job));
process.on("disconnect", () => process.exit());
report({ ready: true });
