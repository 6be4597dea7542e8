/** Runs the built command line in this process, any number of times. */
import { endThreads } from "./shim.js";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let runs = 0;

/** One command, to its end. The module of the command line runs it when it is loaded, and each address is loaded once. */
export async function runCliHere(args: readonly string[]): Promise<Outcome> {
  const output = { stdout: "", stderr: "" };
  const { argv } = process;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- put back where they were
  const [stdout, stderr, exit] = [process.stdout.write, process.stderr.write, process.exit];
  const signals = ["SIGINT", "SIGTERM", "uncaughtException"] as const;
  const capture = (name: keyof typeof output) =>
    ((text: string | Uint8Array, ...rest: unknown[]) => {
      output[name] += typeof text === "string" ? text : Buffer.from(text).toString();
      const done = rest.find((one) => typeof one === "function") as (() => void) | undefined;
      if (done !== undefined) process.nextTick(done);
      return true;
    }) as typeof process.stdout.write;
  process.argv = [argv[0]!, "bridgetower", ...args];
  process.stdout.write = capture("stdout");
  process.stderr.write = capture("stderr");
  process.exit = (() => undefined) as never;
  process.exitCode = 0;
  try {
    await import(`../../dist/cli/main.js?run=${runs++}`);
    return { code: Number(process.exitCode), ...output };
  } finally {
    await endThreads();
    for (const name of signals) process.removeAllListeners(name);
    process.stdout.removeAllListeners("error");
    Object.assign(process, { argv, exit, exitCode: 0 });
    process.stdout.write = stdout;
    process.stderr.write = stderr;
  }
}
