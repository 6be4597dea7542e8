/**
 * Installs the packed package into an empty project with only the npm registry reachable, then runs the first command and `require`:
 * `npm run build && tsx scripts/check-install.ts`. Needs the registry, so it is not a test.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "bridgetower-install-"));
const run = (command: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) =>
  execFileSync(command, args, { encoding: "utf8", ...options });

try {
  const registry = new URL(run("npm", ["config", "get", "registry"], { cwd: root }).trim());
  // Every other host is asked for at a port where nobody listens.
  const blocked = "http://127.0.0.1:9";
  const env: NodeJS.ProcessEnv = { ...process.env, NO_PROXY: registry.hostname, no_proxy: registry.hostname };
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "GLOBAL_AGENT_HTTPS_PROXY"]) {
    env[name] = blocked;
  }
  env["HF_HUB_OFFLINE"] = "1";
  const [packed] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: root })) as {
    filename: string;
    size: number;
  }[];
  const project = join(folder, "project");
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), "{}");
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", join(folder, packed!.filename)];
  console.log(run("npm", args, { cwd: project, env }).trim());
  const image = join(root, "examples/images/010.png");
  const match = ["match", "--image", image, "--text", "a bowling ball", "--json"];
  const { scores } = JSON.parse(run("npx", ["bridgetower", ...match], { cwd: project, env })) as {
    scores: { probability: number }[];
  };
  const required = run(process.execPath, ["-e", 'console.log(typeof require("bridgetower").BridgeTower)'], {
    cwd: project,
    env,
  });
  console.table({
    "packed, MB": (packed!.size / 1e6).toFixed(1),
    "probability of the first match": scores[0]!.probability.toFixed(3),
    'require("bridgetower").BridgeTower': required.trim(),
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
