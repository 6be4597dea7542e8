import { lstat, mkdir, readFile, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test, vi } from "vitest";

import { uniqueTag } from "../files/index.js";
import { complaint, temporaryFolder } from "./checkpoint-files.test-support.js";
import type { HubProgress } from "./hub-settings.js";
import { resolveModel } from "./resolve-model.js";
import { fetchFrom as resolve, type MockHub, etagOf, mockHub, sendFile } from "./mock-hub.test-support.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251));
const published = { "config.json": "{}", "tokenizer.json": "{ }", "model.safetensors": weights, "README.md": "# x" };

/** Cuts the connection of the first `times` downloads of the weights after `bytes`. */
function cutWeights(hub: MockHub, times: number, bytes: number): void {
  let left = times;
  hub.intercept = (request, response) => {
    if (request.method !== "GET" || !request.url?.endsWith(".safetensors") || left-- <= 0) return false;
    const start = Number(/\d+/.exec(request.headers.range ?? "0")?.[0]);
    response.writeHead(start > 0 ? 206 : 200, {
      "content-length": weights.length - start,
      "content-range": `bytes ${start}-${weights.length - 1}/${weights.length}`,
    });
    response.write(weights.subarray(start, start + bytes), () => response.destroy());
    return true;
  };
}

test("fills the shared cache: blobs by etag, links by commit, refs by revision; wanted files only", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const folder = await resolve(hub, cacheDir);
  const model = join(cacheDir, "models--org--name");
  expect(folder).toBe(join(model, "snapshots", hub.commit));
  expect((await readdir(folder)).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
  const blob = etagOf("model.safetensors", weights);
  expect(await readlink(join(folder, "model.safetensors"))).toBe(join("..", "..", "blobs", blob));
  expect(await readFile(join(model, "refs", "main"), "utf8")).toBe(hub.commit);
  expect((await readdir(join(model, "blobs"))).filter((name) => name.includes("incomplete"))).toEqual([]);
});

test("a second call requests only the commit; with a commit as revision there is no request", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  await resolve(hub, cacheDir);
  hub.requests.length = 0;
  await resolve(hub, cacheDir);
  expect(hub.requests).toEqual(["GET /api/models/org/name/revision/main"]);
  await resolve(hub, cacheDir, { revision: hub.commit });
  expect(hub.requests).toHaveLength(1);
});

test("progress: initiate, download, rising percents, done, for each file", async () => {
  const hub = await mockHub(published);
  const events: HubProgress[] = [];
  await resolve(hub, await temporaryFolder(), { onDownload: (event) => events.push(event) });
  const ofWeights = events.filter(({ file }) => file === "model.safetensors");
  expect(ofWeights.slice(0, 2).map(({ status }) => status)).toEqual(["initiate", "download"]);
  const percents = ofWeights.filter(({ status }) => status === "progress").map(({ progress }) => progress);
  expect(percents).toEqual([...percents].sort((a, b) => a - b));
  expect(percents.at(-1)).toBe(100);
  const total = weights.length;
  expect(ofWeights.at(-1)).toEqual({
    status: "done",
    name: "org/name",
    file: "model.safetensors",
    progress: 100,
    loaded: total,
    total,
  });
});

test("a download continues after its connection is cut", async () => {
  const hub = await mockHub(published);
  cutWeights(hub, 2, 100_000);
  const folder = await resolve(hub, await temporaryFolder());
  expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
  const ranges = hub.requests.flatMap((line) => /bytes=(\d+)-/.exec(line)?.[1] ?? []).map(Number);
  expect(ranges).toHaveLength(2);
  expect(ranges[0]).toBeGreaterThan(0);
  expect(ranges[1]).toBeGreaterThan(ranges[0]!);
});

test("a failed call leaves its part to the next call", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  cutWeights(hub, 1, 100_000);
  const cutOnce = hub.intercept;
  hub.intercept = (request, response) => {
    if (request.method === "GET" && request.headers.range !== undefined) response.writeHead(503).end();
    return response.writableEnded || cutOnce(request, response);
  };
  const message = await complaint(cacheDir, resolve(hub, cacheDir));
  expect(message).toContain("org/name: expected an answer from the hub, found http://127.0.0.1");
  hub.intercept = () => false;
  hub.requests.length = 0;
  const folder = await resolve(hub, cacheDir);
  expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
  expect(hub.requests.filter((line) => /bytes=[1-9]\d*-$/.test(line))).toHaveLength(1);
});

test("the partial file of a killed process is resumed, that of a running process is not", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const blobs = join(cacheDir, "models--org--name", "blobs");
  const etag = etagOf("model.safetensors", weights);
  const tagOf = (pid: number) => uniqueTag({ pid, host: hostname(), start: null, namespace: null });
  await mkdir(blobs, { recursive: true });
  const living = join(blobs, `${etag}.${tagOf(process.ppid)}.incomplete`);
  const killed = join(blobs, `${etag}.${tagOf(2 ** 30)}.incomplete`);
  await writeFile(living, "something else");
  await writeFile(killed, weights.subarray(0, 1000));
  await resolve(hub, cacheDir);
  expect(hub.requests.some((line) => line.endsWith("bytes=1000-"))).toBe(true);
  expect(await readFile(living, "utf8")).toBe("something else");
  await expect(lstat(killed)).rejects.toThrow("ENOENT");
});

/** Sends a part of the weights and nothing more; `closed` resolves when the connection ends. */
function stallWeights(hub: MockHub, bytes: number): { readonly closed: Promise<void> } {
  let close: () => void;
  const closed = new Promise<void>((resolve) => (close = resolve));
  hub.intercept = (request, response) => {
    if (request.method !== "GET" || !request.url?.endsWith(".safetensors")) return false;
    response.on("close", close);
    response.writeHead(200, { "content-length": weights.length }).write(weights.subarray(0, bytes));
    return true;
  };
  return { closed };
}

test("an aborted signal stops a download with its reason, and the next call continues it", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const { closed } = stallWeights(hub, 100_000);
  const stop = new AbortController();
  const reason = new Error("enough");
  const onDownload = ({ file, loaded }: HubProgress) => {
    if (file === "model.safetensors" && loaded === 100_000) stop.abort(reason);
  };
  await expect(resolve(hub, cacheDir, { signal: stop.signal, onDownload })).rejects.toBe(reason);
  await closed;
  hub.intercept = () => false;
  hub.requests.length = 0;
  const folder = await resolve(hub, cacheDir);
  expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
  expect(hub.requests.some((line) => line.endsWith("bytes=100000-"))).toBe(true);
});

test("what onDownload throws rejects the call, and the next call continues the download", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const problem = new Error("from the callback");
  const onDownload = ({ file }: HubProgress) => {
    if (file === "model.safetensors") throw problem;
  };
  await expect(resolve(hub, cacheDir, { onDownload })).rejects.toBe(problem);
  const folder = await resolve(hub, cacheDir);
  expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
});

test("an aborted signal stops a waiting call, and one that has not started", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const stop = new AbortController();
  const reason = new Error("enough");
  hub.intercept = () => {
    stop.abort(reason);
    return true;
  };
  await expect(resolve(hub, cacheDir, { signal: stop.signal })).rejects.toBe(reason);
  hub.requests.length = 0;
  await expect(resolve(hub, cacheDir, { signal: stop.signal })).rejects.toBe(reason);
  expect(hub.requests).toEqual([]);
});

test("a hub that does not respond in time is an error", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const environment = { HF_HUB_DOWNLOAD_TIMEOUT: "0.05" };
  stallWeights(hub, 0);
  expect(await complaint(cacheDir, resolve(hub, cacheDir, {}, { environment }))).toContain("(nothing for 0.05 s)");
  hub.intercept = () => true;
  expect(await complaint(cacheDir, resolve(hub, cacheDir, {}, { environment }))).toContain("(nothing for 0.05 s)");
});

test("a server without ranges sends the file from its start", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const blobs = join(cacheDir, "models--org--name", "blobs");
  await mkdir(blobs, { recursive: true });
  await writeFile(join(blobs, `${etagOf("model.safetensors", weights)}.free-00000000.incomplete`), "other bytes");
  hub.intercept = (request) => {
    delete request.headers.range;
    return false;
  };
  const folder = await resolve(hub, cacheDir);
  expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
});

test.each(["model.safetensors", "config.json"])("a flipped byte in %s is refused and not kept", async (file) => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const original = hub.files.get(file)!;
  const damaged = Buffer.from(original);
  damaged[damaged.length >> 1]! ^= 1;
  hub.intercept = (request, response) => {
    if (!request.url?.endsWith(file)) return false;
    sendFile(request, response, damaged, etagOf(file, original));
    return true;
  };
  expect(await complaint(cacheDir, resolve(hub, cacheDir))).toContain(`org/name: ${file}: expected content with hash`);
  const blobs = await readdir(join(cacheDir, "models--org--name", "blobs"));
  expect(blobs.filter((name) => name.startsWith(etagOf(file, original)))).toEqual([]);
  hub.intercept = () => false;
  expect(original.equals(await readFile(join(await resolve(hub, cacheDir), file)))).toBe(true);
});

test("more bytes than announced are refused", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  hub.intercept = (request, response) => {
    if (!request.url?.endsWith("config.json")) return false;
    response.writeHead(200, { etag: '"abcdef"', "x-linked-size": "3" });
    response.end(request.method === "HEAD" ? undefined : "{    }");
    return true;
  };
  expect(await complaint(cacheDir, resolve(hub, cacheDir))).toContain("config.json: expected 3 bytes, found more");
});

test("the token is sent to the hub and not to redirect targets; linked headers describe the file", async () => {
  const hub = await mockHub(published);
  const storage = await mockHub({});
  storage.intercept = (request, response) => {
    sendFile(request, response, weights, "of-the-storage");
    return true;
  };
  hub.intercept = (request, response) => {
    if (!request.url?.endsWith(".safetensors")) return false;
    response.writeHead(302, {
      location: `${storage.endpoint}/blob`,
      "x-linked-etag": `"${etagOf("model.safetensors", weights)}"`,
      "x-linked-size": weights.length,
      etag: '"of-the-redirect"',
    });
    response.end();
    return true;
  };
  const folder = await resolve(hub, await temporaryFolder(), { token: "hf_secret" });
  expect(weights.equals(await readFile(join(folder, "model.safetensors")))).toBe(true);
  expect(hub.requests.every((line) => line.endsWith(" token"))).toBe(true);
  expect(storage.requests).toEqual(["GET /blob"]);
});

test("offline: uses the cached snapshot, or names what is missing", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const offline = () => resolve(hub, cacheDir, { localFilesOnly: true });
  expect(await complaint(cacheDir, offline())).toMatch(/^org\/name: expected a complete copy of revision main in /);
  const folder = await resolve(hub, cacheDir);
  hub.requests.length = 0;
  expect(await offline()).toBe(folder);
  await rm(join(cacheDir, "models--org--name", "blobs", etagOf("model.safetensors", weights)));
  await complaint(cacheDir, offline());
  expect(hub.requests).toEqual([]);
});

test("HF_HUB_OFFLINE=1 sends no request", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  await complaint(cacheDir, resolveModel("org/name", { endpoint: hub.endpoint, cacheDir }));
  expect(hub.requests).toEqual([]);
});

test("without an answer a complete snapshot is used; an incomplete one is an error", async () => {
  const hub = await mockHub(published);
  const [cacheDir, empty] = [await temporaryFolder(), await temporaryFolder()];
  const folder = await resolve(hub, cacheDir);
  hub.intercept = (request) => {
    request.socket.destroy();
    return true;
  };
  expect(await resolve(hub, cacheDir)).toBe(folder);
  expect(await complaint(empty, resolve(hub, empty))).toContain("does not answer");
});

test.each([
  [401, "RepoNotFound", "found no folder of that name, and no model at http://hub that this user may read (401)"],
  [404, "RepoNotFound", "found no folder of that name, and no model at http://hub that this user may read (404)"],
  [404, "RevisionNotFound", "found no revision main at http://hub (404). Check revision."],
  [403, "GatedRepo", "found a gated model (403). Accept its terms at http://hub/org/name and set HF_TOKEN"],
  [401, "GatedRepo", "found a gated model (401). Accept its terms at http://hub/org/name and set HF_TOKEN"],
])("status %i %s", async (status, code, message) => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  hub.intercept = (_, response) => {
    response.writeHead(status, { "x-error-code": code }).end();
    return true;
  };
  const found = await complaint(cacheDir, resolve(hub, cacheDir));
  expect(found.replaceAll(hub.endpoint, "http://hub")).toContain(message);
});

test("names that lead elsewhere are not followed: files by listing, shards by index, blobs by etag", async () => {
  const cacheDir = await temporaryFolder();
  const index = JSON.stringify({ weight_map: { w: "../../../../outside.safetensors" } });
  const hub = await mockHub({
    "config.json": "{}",
    "../../escape": "x",
    "../../../../outside.safetensors": "x",
    "model.safetensors.index.json": index,
  });
  expect(await complaint(cacheDir, resolve(hub, cacheDir))).toContain(
    "expected the name of a file beside the index, without a path",
  );
  expect(await readdir(cacheDir)).toEqual(["models--org--name"]);
  hub.intercept = (request, response) => {
    if (request.method !== "HEAD") return false;
    response.writeHead(200, { etag: '"../../../escape"', "content-length": 2 }).end();
    return true;
  };
  const other = await temporaryFolder();
  expect(await complaint(other, resolve(hub, other))).toContain("expected an answer with the file's etag and size");
});

test("shards are fetched by the index", async () => {
  const index = JSON.stringify({ weight_map: { a: "pytorch_model-1.bin", b: "pytorch_model-2.bin" } });
  const shards = { "pytorch_model-1.bin": "one", "pytorch_model-2.bin": "two" };
  const hub = await mockHub({
    "config.json": "{}",
    "pytorch_model.bin.index.json": index,
    ...shards,
    "other.bin": "x",
  });
  const folder = await resolve(hub, await temporaryFolder());
  expect((await readdir(folder)).sort()).toEqual([
    "config.json",
    ...Object.keys(shards),
    "pytorch_model.bin.index.json",
  ]);
});

test.each([
  [{ "model.safetensors": "x" }, "expected config.json, found no such file on the hub"],
  [{ "config.json": "{}" }, "expected model.safetensors or pytorch_model.bin, found no such file on the hub"],
])("a model without %j's counterpart", async (files, message) => {
  const cacheDir = await temporaryFolder();
  expect(await complaint(cacheDir, resolve(await mockHub(files), cacheDir))).toContain(message);
});

test("calls side by side do not harm each other", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  const folders = await Promise.all(Array.from({ length: 4 }, () => resolve(hub, cacheDir)));
  expect(new Set(folders).size).toBe(1);
  expect(weights.equals(await readFile(join(folders[0]!, "model.safetensors")))).toBe(true);
  const names = await readdir(join(cacheDir, "models--org--name", "blobs"));
  expect(names.filter((name) => name.includes("incomplete"))).toEqual([]);
});

test("endless redirects are an error", async () => {
  const hub = await mockHub(published);
  const cacheDir = await temporaryFolder();
  hub.intercept = (_, response) => {
    response.writeHead(307, { location: "/again" }).end();
    return true;
  };
  expect(await complaint(cacheDir, resolve(hub, cacheDir))).toContain("redirects more than 8 times");
});

test("the address of a model's page is refused with its id", async () => {
  await expect(resolveModel("https://huggingface.co/BridgeTower/bridgetower-base/tree/main")).rejects.toThrow(
    "found an address. Give BridgeTower/bridgetower-base alone.",
  );
});

test("a folder is used unchanged; a name that looks like one but is not is an error", async () => {
  const folder = await temporaryFolder();
  expect(await resolveModel(folder)).toBe(folder);
  for (const name of ["./missing", join(folder, "missing"), "bare", "a/b/c", "../up", "C:\\models\\x", "org/..", ""]) {
    await expect(resolveModel(name, { localFilesOnly: true })).rejects.toThrow(
      "expected a model folder, or a hub id such as BridgeTower/bridgetower-base, found no such folder",
    );
  }
});
