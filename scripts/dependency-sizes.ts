/**
 * What each dependency costs on disk, with the packages that come with it: `tsx scripts/dependency-sizes.ts` prints docs/install.md's table.
 * A package that several bring is counted at the first one.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

interface Locked {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL("../", import.meta.url));
const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
  packages: Readonly<Record<string, Locked>>;
};
const counted = new Set<string>();

/** Where Node finds a package that the one at `from` names: its own copy, or one of a folder above it. */
function locate(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    const path = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (folder === "") return undefined;
  }
}

/** Bytes of a package and of those that it brings, without those counted before. */
function bytesOf(path: string): number {
  if (counted.has(path)) return 0;
  counted.add(path);
  const { dependencies, optionalDependencies } = packages[path]!;
  const brought = Object.keys({ ...dependencies, ...optionalDependencies }).map((name) => locate(path, name));
  return brought.reduce(
    (sum, found) => sum + (found === undefined ? 0 : bytesOf(found)),
    folderBytes(join(root, path)),
  );
}

/** 0 for a package of another platform, which is not installed. */
function folderBytes(folder: string): number {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return 0;
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    if (entry.name === "node_modules") return sum;
    const path = join(folder, entry.name);
    return sum + (entry.isDirectory() ? folderBytes(path) : statSync(path).size);
  }, 0);
}

const { dependencies, optionalDependencies } = packages[""]!;
const direct = Object.keys({ ...dependencies, ...optionalDependencies });
const sizes = direct.map((name) => ({ name, megabytes: bytesOf(`node_modules/${name}`) / 1e6 }));
sizes.sort((a, b) => b.megabytes - a.megabytes);
console.table(Object.fromEntries(sizes.map(({ name, megabytes }) => [name, { MB: Math.round(megabytes * 10) / 10 }])));
