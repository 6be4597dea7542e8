import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The built command, which scripts/build-if-changed.ts keeps up to date. */
const command = [process.execPath, "dist/cli/main.js"] as const;

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface CliInput {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the command at the root of the repository, without a network. */
export function spawnCli(args: readonly string[], env: CliInput["env"] = {}): ChildProcessWithoutNullStreams {
  return start(command[0], [...command.slice(1), ...args], env);
}

/** Runs the command to its end. */
export function runCli(args: readonly string[], { stdin, env }: CliInput = {}): Promise<CliResult> {
  return collect(spawnCli(args, env), stdin);
}

/** A shell's line in which `"$@"` is the command. */
export function runShell(script: string, { stdin, env }: CliInput = {}): Promise<CliResult> {
  return collect(start("/bin/sh", ["-c", script, "sh", ...command], env), stdin);
}

function start(file: string, args: readonly string[], env: CliInput["env"]): ChildProcessWithoutNullStreams {
  return spawn(file, args, { cwd: root, env: { ...process.env, HF_HUB_OFFLINE: "1", ...env } });
}

function collect(child: ChildProcessWithoutNullStreams, stdin: string | Uint8Array = ""): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString("utf8"), stderr: Buffer.concat(stderr).toString("utf8") }),
    );
    // A command that ends without reading its input is none of the test's concern.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
  });
}

/** The JSON document that a successful run printed, and nothing else. */
export function documentOf<T>({ code, stdout, stderr }: CliResult): T {
  if (code !== 0 || stderr !== "") throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
