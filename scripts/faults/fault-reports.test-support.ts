import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FaultReport } from "./faults.js";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Runs `inject-faults.ts`: a process of its own, because it replaces functions of Node. @param commands with the number of faults */
export function faultReports(commands: readonly string[], seed = 1): Promise<FaultReport[]> {
  const loaders = ["--import", "tsx", "--import", "./scripts/faults/shim.js"];
  const flags = commands.flatMap((command) => ["--command", command]);
  const args = [...loaders, "scripts/faults/inject-faults.ts", "--json", "--seed", String(seed), ...flags];
  const options = { cwd: repository, env: { ...process.env, HF_HUB_OFFLINE: "1" }, maxBuffer: 2 ** 26 };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout) as FaultReport[]);
      } catch {
        reject(new Error(stderr, { cause: error }));
      }
    });
  });
}
