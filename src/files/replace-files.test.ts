import { spawn } from "node:child_process";
import { once } from "node:events";
import files, { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { replaceFiles, temporaryName, thisProcess } from "./index.js";

const order = ["weights", "vocabulary", "answers", "config"];
const oldSet = { weights: "old", vocabulary: "old", answers: "old", config: "old" };
const newSet = { weights: "new", vocabulary: "new", config: "new" };

async function folderWith(contents: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-replace-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeSet(folder, contents);
  return folder;
}

async function writeSet(folder: string, contents: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(contents)) await writeFile(join(folder, name), text);
}

/** Name -> text of all files that are not hidden. */
async function visible(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith("."));
  const contents = await Promise.all(names.map(async (name) => [name, await text(join(folder, name))] as const));
  return Object.fromEntries(contents);
}

const text = (path: string) => readFile(path, "utf8");
const hidden = async (folder: string) => (await readdir(folder)).filter((name) => name.startsWith("."));

test("files of the set that are not written again are removed, others stay", async () => {
  const folder = await folderWith({ ...oldSet, "README.md": "mine" });
  const written = await replaceFiles(folder, order, (unfinished) => writeSet(unfinished, newSet));
  expect(written).toEqual(["weights", "vocabulary", "config"]);
  expect(await visible(folder)).toEqual({ ...newSet, "README.md": "mine" });
  expect(await hidden(folder)).toEqual([]);
});

/** Makes the n-th rename from now on fail. */
function failRename(n: number): void {
  const { rename } = files;
  let count = 0;
  const failing: typeof rename = (from, to) => {
    if (++count === n) throw Object.assign(new Error("broken"), { code: "EIO", syscall: "rename" });
    return rename(from, to);
  };
  files.rename = failing;
  syncBuiltinESMExports();
  onTestFinished(() => restoreRename(rename));
}

function restoreRename(rename: typeof files.rename): void {
  files.rename = rename;
  syncBuiltinESMExports();
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])("a failure of rename %i leaves the old files", async (n) => {
  const folder = await folderWith(oldSet);
  const { rename } = files;
  failRename(n);
  const error: unknown = await replaceFiles(folder, order, (unfinished) => writeSet(unfinished, newSet)).catch(
    (reason: unknown) => reason,
  );
  restoreRename(rename);
  expect(error).toMatchObject({
    name: "InputError",
    code: "file-not-writable",
    found: "an error of the disk or the network drive (EIO)",
  });
  expect(await visible(folder)).toEqual(oldSet);
  expect(await hidden(folder)).toEqual([]);
});

const script = fileURLToPath(new URL("./replace-killed.test-support.ts", import.meta.url));

/** Replaces the old set by the new one in a process that is killed before its n-th rename or removal. */
async function killedBefore(n: number, folder: string): Promise<"killed" | "done"> {
  const args = ["--import", "tsx", script, folder, String(n), JSON.stringify(order), JSON.stringify(newSet)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  return signal === "SIGKILL" ? "killed" : "done";
}

test("a process that is killed at any operation never leaves a mix, and the next replacement completes its set", async () => {
  const outcomes = new Set<string>();
  for (let n = 1; ; n++) {
    const folder = await folderWith(oldSet);
    if ((await killedBefore(n, folder)) === "done") break;
    const left = await visible(folder);
    const whole = [oldSet, newSet].find((set) => isDeepStrictEqual(left, set));
    // Without its last file, a folder has no set.
    expect(whole !== undefined || !("config" in left)).toBe(true);
    outcomes.add(whole?.config ?? "none");
    // The next one fails while it writes: the set of the killed process is complete all the same.
    const failing = () => Promise.reject(new Error("disk full"));
    await expect(replaceFiles(folder, order, failing)).rejects.toThrow("disk full");
    const after = await visible(folder);
    if (whole !== oldSet || after.config === "new") expect(after).toEqual(newSet);
    else expect(after).toEqual(oldSet);
    expect(await hidden(folder)).toEqual([]);
  }
  expect([...outcomes].sort()).toEqual(["new", "none", "old"]);
}, 120_000);

test("one changed file is replaced in one step, so that readers always find the set", async () => {
  const folder = await folderWith(oldSet);
  const { rename } = files;
  const moved: string[] = [];
  files.rename = (from, to) => {
    if (!basename(String(from)).startsWith(".")) moved.push(basename(String(to)));
    return rename(from, to);
  };
  syncBuiltinESMExports();
  onTestFinished(() => restoreRename(rename));
  await replaceFiles(folder, order, (unfinished) => writeSet(unfinished, { ...oldSet, weights: "new" }));
  expect(moved).toEqual(["weights"]);
  expect(await visible(folder)).toEqual({ ...oldSet, weights: "new" });
});

test("a journal with names outside of the folder is ignored", async () => {
  const outside = await folderWith({ config: "mine" });
  const folder = await folderWith({});
  // Of a process that is gone.
  const unfinished = join(folder, temporaryName("replacing", { ...thisProcess(), pid: 2 ** 30 }));
  await mkdir(join(unfinished, "old"), { recursive: true });
  const names = [`../${basename(outside)}/config`];
  await writeFile(join(unfinished, "journal.json"), JSON.stringify({ order: names, names: [] }));
  await replaceFiles(folder, order, (path) => writeSet(path, newSet));
  expect(await visible(outside)).toEqual({ config: "mine" });
  expect(await visible(folder)).toEqual(newSet);
});
