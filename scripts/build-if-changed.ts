/**
 * Builds the package if a source is newer: `tsx scripts/build-if-changed.ts`, and once before the tests. Tests of the command line and of the
 * package run what users run.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "..");
const stamp = join(root, "dist/.built");

export default function setup(): void {
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).map((file) =>
    join("src", file),
  );
  const newest = Math.max(
    ...[...sources, "tsconfig.build.json", "package.json"].map((file) => changed(join(root, file))),
  );
  if (newest < changed(stamp)) return;
  const started = new Date();
  execFileSync("npm", ["run", "--silent", "build"], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  // The time of the start: a source that changes during the build counts as newer.
  writeFileSync(stamp, started.toISOString());
  utimesSync(stamp, started, started);
}

/** When a file changed last, in milliseconds; 0 for none. */
const changed = (file: string) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) setup();
