/** Downloads: content is checked against a hash, parts of killed processes are taken over once, the disk may be full. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { expect, onTestFinished, test, vi } from "vitest";

import { uniqueTag } from "../files/index.js";
import { complaint, temporaryFolder } from "./checkpoint-files.test-support.js";
import type { HubProgress } from "./hub-settings.js";
import { etagOf, fetchFrom, type MockHub, mockHub, sendFile } from "./mock-hub.test-support.js";

const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251));
const published = { "config.json": "{}", "model.safetensors": weights };
const damaged = Buffer.from(weights);
damaged.fill(0, 1000, 2000);

const digest = (algorithm: string, content = weights) => createHash(algorithm).update(content).digest("hex");
const etag = etagOf("model.safetensors", weights);
const blobsOf = (cacheDir: string) => join(cacheDir, "models--org--name", "blobs");
const incomplete = async (cacheDir: string) =>
  (await readdir(blobsOf(cacheDir))).filter((name) => name.endsWith(".incomplete"));

/** Sends the weights with this etag. */
function sendWeights(hub: MockHub, etag: string, content = weights): void {
  hub.intercept = (request, response) => {
    if (!request.url?.endsWith(".safetensors")) return false;
    sendFile(request, response, content, etag);
    return true;
  };
}

async function fetched(hub: MockHub): Promise<{ message?: string; warnings: string[]; cacheDir: string }> {
  const [cacheDir, warnings]: [string, string[]] = [await temporaryFolder(), []];
  try {
    const folder = await fetchFrom(hub, cacheDir, { onWarning: (message) => warnings.push(message) });
    expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
    return { warnings, cacheDir };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { message: await complaint(cacheDir, Promise.reject(error)), warnings, cacheDir };
  }
}

test.each([
  ["of storage", "abc-12"],
  ["of Google", "CJiR/dummy+x=".replace("/", "-")],
  ["MD5", digest("md5")],
  ["SHA-1 of the content", digest("sha1")],
  ["SHA-1 of Nexus", `{SHA1{${digest("sha1").toUpperCase()}}}`],
  ["SHA-1 of Git", digest("sha1", Buffer.concat([Buffer.from(`blob ${weights.length}\0`), weights]))],
  ["SHA-256", digest("sha256")],
])("etag %s (%s): the content is checked; changed bytes are refused and not kept", async (_, etag) => {
  const hub = await mockHub(published);
  sendWeights(hub, etag);
  const good = await fetched(hub);
  expect(good.message).toBeUndefined();
  expect(good.warnings).toEqual([]);
  sendWeights(hub, etag, damaged);
  const bad = await fetched(hub);
  expect(bad.message).toContain("org/name: model.safetensors: expected content with hash ");
  expect(await incomplete(bad.cacheDir)).toEqual([]);
});

test("an etag that is no hash, on a hub whose list has none: the file is taken, with one warning", async () => {
  const hub = await mockHub(published);
  hub.intercept = (request, response) => {
    if (request.url?.endsWith("?blobs=true")) response.writeHead(404).end();
    else if (request.url?.includes("/resolve/")) {
      const name = request.url.split("/").at(-1)!;
      sendFile(request, response, hub.files.get(name)!, `${name.length}-abc`);
    } else return false;
    return true;
  };
  const { message, warnings } = await fetched(hub);
  expect(message).toBeUndefined();
  expect(warnings).toEqual([
    `org/name: config.json, model.safetensors: not checked, since ${hub.endpoint} states no hash of the content`,
  ]);
  expect(hub.requests.filter((line) => line.endsWith("?blobs=true"))).toHaveLength(1);
});

test("an answer without etag and length: those of the hub's list", async () => {
  const hub = await mockHub(published);
  hub.intercept = (request, response) => {
    if (!request.url?.endsWith(".safetensors")) return false;
    response.writeHead(200).end(request.method === "HEAD" ? undefined : weights);
    return true;
  };
  const { message, cacheDir } = await fetched(hub);
  expect(message).toBeUndefined();
  expect(await readdir(blobsOf(cacheDir))).toContain(etag);
});

const tagOf = (pid: number) => uniqueTag({ pid, host: hostname(), start: null, namespace: null });
const abandoned = (name: string, i: number) => `${name}.${tagOf(2 ** 30 + i)}.incomplete`;

test("a part of other bytes is dropped, and the file fetched from its start", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  await mkdir(blobsOf(cacheDir), { recursive: true });
  await writeFile(join(blobsOf(cacheDir), abandoned(etag, 0)), Buffer.alloc(1000, 9));
  const folder = await fetchFrom(hub, cacheDir);
  expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
  const gets = hub.requests.filter((line) => line.startsWith("GET") && line.includes(".safetensors"));
  expect(gets.map((line) => / bytes=.*/.exec(line)?.[0])).toEqual([" bytes=1000-", undefined]);
});

test("the largest abandoned part is continued, and the others are removed in the end", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  await mkdir(blobsOf(cacheDir), { recursive: true });
  for (const [i, bytes] of [1000, 30_000, 2000].entries()) {
    await writeFile(join(blobsOf(cacheDir), abandoned(etag, i)), weights.subarray(0, bytes));
  }
  await fetchFrom(hub, cacheDir);
  expect(hub.requests.flatMap((line) => / bytes=(\d+)-/.exec(line)?.[1] ?? [])).toEqual(["30000"]);
  expect(await incomplete(cacheDir)).toEqual([]);
  // The part of a process that was killed after this one had completed the file.
  await writeFile(join(blobsOf(cacheDir), abandoned(etag, 0)), "");
  await writeFile(join(blobsOf(cacheDir), abandoned("f".repeat(64), 0)), "");
  await fetchFrom(hub, cacheDir);
  expect(await incomplete(cacheDir)).toEqual([expect.stringMatching(/^f{64}\./)]);
});

test("several calls each take another abandoned part, and none that of a running process", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  await mkdir(blobsOf(cacheDir), { recursive: true });
  const living = `${etag}.${tagOf(process.ppid)}.incomplete`;
  await writeFile(join(blobsOf(cacheDir), living), "a part of a running process");
  for (const [i, bytes] of [1000, 30_000, 2000].entries()) {
    await writeFile(join(blobsOf(cacheDir), abandoned(etag, i)), weights.subarray(0, bytes));
  }
  const folders = await Promise.all([1, 2, 3, 4].map(() => fetchFrom(hub, cacheDir)));
  expect(weights.equals(await readFile(join(folders[0]!, "model.safetensors")))).toBe(true);
  const starts = hub.requests.flatMap((line) => / bytes=(\d+)-/.exec(line)?.[1] ?? []);
  expect(starts.toSorted()).toEqual([...new Set(starts)].toSorted());
  expect(starts).toContain("30000");
  expect(await incomplete(cacheDir)).toEqual([living]);
});

test("the part of another container with the same host name is left to it for an hour", async () => {
  const hub = await mockHub(published);
  const tag = uniqueTag({ pid: 2 ** 30, host: hostname(), start: null, namespace: "pid:[1]" });
  for (const [minutes, starts] of [
    [50, []],
    [70, ["5000"]],
  ] as const) {
    const cacheDir = await temporaryFolder();
    const part = join(blobsOf(cacheDir), `${etag}.${tag}.incomplete`);
    await mkdir(blobsOf(cacheDir), { recursive: true });
    await writeFile(part, weights.subarray(0, 5000));
    const changed = new Date(Date.now() - minutes * 60_000);
    await utimes(part, changed, changed);
    hub.requests.length = 0;
    await fetchFrom(hub, cacheDir);
    expect(hub.requests.flatMap((line) => / bytes=(\d+)-/.exec(line)?.[1] ?? [])).toEqual(starts);
  }
});

test("of two processes that fetch the same file, one is killed: the other ends, and the next continues the part", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  let stalled = 0;
  hub.intercept = (request, response) => {
    if (request.method !== "GET" || !request.url?.endsWith(".safetensors") || stalled++ > 0) return false;
    response.writeHead(200, { "content-length": weights.length }).write(weights.subarray(0, 100_000));
    return true;
  };
  const script = `
    import { resolveModel } from ${JSON.stringify(new URL("resolve-model.ts", import.meta.url).href)};
    const onDownload = ({ file, loaded }) => file === "model.safetensors" && console.log(loaded);
    await resolveModel("org/name", { ...JSON.parse(process.argv[1]), onDownload });`;
  const options = JSON.stringify({ endpoint: hub.endpoint, cacheDir });
  const args = ["--import", "tsx", "--input-type=module", "--eval", script, options];
  const child = spawn(process.execPath, args, { env: { PATH: process.env.PATH, HOME: cacheDir } });
  onTestFinished(() => void child.kill("SIGKILL"));
  for await (const line of createInterface({ input: child.stdout })) if (line === "100000") break;

  const [part] = await incomplete(cacheDir);
  await fetchFrom(hub, cacheDir);
  expect(hub.requests.some((line) => line.includes("bytes="))).toBe(false);
  expect(await incomplete(cacheDir)).toEqual([part]);

  const exited = new Promise((resolve) => child.on("exit", resolve));
  child.kill("SIGKILL");
  await exited;
  const other = await temporaryFolder();
  await mkdir(blobsOf(other), { recursive: true });
  await writeFile(join(blobsOf(other), part!), await readFile(join(blobsOf(cacheDir), part!)));
  const folder = await fetchFrom(hub, other);
  expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
  expect(hub.requests.filter((line) => line.endsWith("bytes=100000-"))).toHaveLength(1);
});

test("an error that a callback throws reaches the caller, and the next call continues the download", async () => {
  const [hub, cacheDir, error] = [await mockHub(published), await temporaryFolder(), new Error("of the callback")];
  const onDownload = ({ status, file }: HubProgress) => {
    if (status === "progress" && file === "model.safetensors") throw error;
  };
  await expect(fetchFrom(hub, cacheDir, { onDownload })).rejects.toBe(error);
  const folder = await fetchFrom(hub, cacheDir);
  expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
  expect(await incomplete(cacheDir)).toEqual([]);
});

test("a disk without room: what is needed and what is free, before anything is fetched", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const freeBytes = () => Promise.resolve(200_000);
  const message = await complaint(cacheDir, fetchFrom(hub, cacheDir, {}, { freeBytes }));
  expect(message).toBe(
    `org/name: model.safetensors: expected 0.3 MB of free space in ${cacheDir}, found 0.2 MB. ` +
      "Free space and run it again, which continues the download, or set HF_HUB_CACHE to a folder on another disk.",
  );
  expect(hub.requests.filter((line) => line.startsWith("GET") && line.includes(".safetensors"))).toEqual([]);
});

test.each([
  ["ENOSPC", "expected 0.2 MB of free space in CACHE, found 0.0 MB. Free space and run it again"],
  ["EDQUOT", "expected 0.2 MB of free space in CACHE, found 0.0 MB. Free space and run it again"],
  [
    "EIO",
    "expected a file that can be written, found an error of the disk or the network drive (EIO). Set HF_HUB_CACHE to a folder",
  ],
])("%s in the middle of a file: an error that says so, and the next call continues", async (code, message) => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const probe = await open(join(cacheDir, "probe"), "w");
  await probe.close();
  const handles = Object.getPrototypeOf(probe) as typeof probe;
  let room = 100_000;
  const appendFile = vi.spyOn(handles, "appendFile").mockImplementation(function (this: typeof probe, data) {
    room -= data.length;
    if (room < 0) return Promise.reject(Object.assign(new Error("write failed"), { code, syscall: "write" }));
    return this.writeFile(data);
  });
  const pieces: number[] = [];
  hub.intercept = (request, response) => {
    if (request.method !== "GET" || !request.url?.endsWith(".safetensors")) return false;
    const start = Number(/\d+/.exec(request.headers.range ?? "0")?.[0]);
    pieces.push(start);
    response.writeHead(start > 0 ? 206 : 200, {
      "content-length": weights.length - start,
      "content-range": `bytes ${start}-${weights.length - 1}/${weights.length}`,
    });
    response.write(weights.subarray(start, 50_000), () => response.end(weights.subarray(Math.max(start, 50_000))));
    return true;
  };
  const freeBytes = () => Promise.resolve(room < 0 ? 0 : undefined);
  const found = await complaint("/nowhere", fetchFrom(hub, cacheDir, {}, { freeBytes }));
  expect(found.replaceAll(cacheDir, "CACHE").replace(/0\.[23] MB of/, "0.2 MB of")).toContain(message);
  appendFile.mockRestore();
  const folder = await fetchFrom(hub, cacheDir);
  expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
  expect(pieces).toHaveLength(2);
  expect(await incomplete(cacheDir)).toEqual([]);
});
