/** A filled cache serves, whatever the hub answers and wherever the cache cannot be written; what is missing is fetched. */
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { complaint, temporaryFolder } from "./checkpoint-files.test-support.js";
import { closedPort, etagOf, fetchFrom, type MockHub, mockHub } from "./mock-hub.test-support.js";

const published = {
  "config.json": "{}",
  "preprocessor_config.json": "{ }",
  "tokenizer.json": "{  }",
  "model.safetensors": "weights",
};

/** A hub, and a cache that has been filled from it. */
async function filledCache(): Promise<{ hub: MockHub; cacheDir: string; folder: string }> {
  const [hub, cacheDir] = [await mockHub(published), await temporaryFolder()];
  const folder = await fetchFrom(hub, cacheDir);
  hub.requests.length = 0;
  return { hub, cacheDir, folder };
}

const answers: Readonly<Record<string, MockHub["intercept"]>> = Object.fromEntries([
  ...[401, 403, 404, 410, 429, 500, 502, 503, 504].map((status): [string, MockHub["intercept"]] => [
    String(status),
    (_, response) => {
      response.writeHead(status, { "retry-after": "3600" }).end();
      return true;
    },
  ]),
  [
    "a page to sign in",
    (_, response) => {
      response.end("<html>Sign in</html>");
      return true;
    },
  ],
  [
    "a closed connection",
    (request) => {
      request.socket.destroy();
      return true;
    },
  ],
  [
    "redirects in a circle",
    (_, response) => {
      response.writeHead(307, { location: "/again" }).end();
      return true;
    },
  ],
  ["nothing", () => true],
]);

test.each(Object.entries(answers))("the hub answers %s: the copy in the cache, with one warning", async (_, answer) => {
  const { hub, cacheDir, folder } = await filledCache();
  hub.intercept = answer;
  const warnings: string[] = [];
  const pauses: number[] = [];
  const system = {
    environment: { HF_HUB_ETAG_TIMEOUT: "0.1" },
    pause: (ms: number) => Promise.resolve(void pauses.push(ms)),
  };
  expect(await fetchFrom(hub, cacheDir, { onWarning: (message) => warnings.push(message) }, system)).toBe(folder);
  expect(warnings).toEqual([
    expect.stringMatching(/^org\/name: expected .*, found .*; uses the copy in the cache, of commit 0123456789ab$/),
  ]);
  expect(pauses).toEqual([]);
});

test("a hub without a server or a known certificate: the copy in the cache", async () => {
  const { cacheDir, folder } = await filledCache();
  const other = await mockHub(published, { tls: true });
  for (const endpoint of [await closedPort(), other.endpoint]) {
    const warnings: string[] = [];
    expect(await fetchFrom({ endpoint }, cacheDir, { onWarning: (message) => warnings.push(message) })).toBe(folder);
    expect(warnings).toHaveLength(1);
  }
});

test("the commit of a branch has moved and its files cannot be fetched: the earlier commit", async () => {
  const { hub, cacheDir, folder } = await filledCache();
  const moved = "f".repeat(40);
  hub.intercept = (request, response) => {
    if (request.url?.startsWith("/api/") === true) {
      response.end(
        JSON.stringify({ sha: moved, siblings: Object.keys(published).map((rfilename) => ({ rfilename })) }),
      );
    } else response.writeHead(404).end();
    return true;
  };
  expect(await fetchFrom(hub, cacheDir)).toBe(folder);
});

test("an unchanged ref is not written; a cache that cannot record a commit serves it", async () => {
  const { hub, cacheDir, folder } = await filledCache();
  const model = join(cacheDir, "models--org--name");
  const before = await stat(join(model, "refs", "main"));
  await fetchFrom(hub, cacheDir);
  expect((await stat(join(model, "refs", "main"))).ino).toBe(before.ino);
  for (const name of ["refs", ".no_exist"]) {
    await rm(join(model, name), { recursive: true });
    await writeFile(join(model, name), "not a folder");
  }
  expect(await fetchFrom(hub, cacheDir)).toBe(folder);
  expect(await readFile(join(model, "refs"), "utf8")).toBe("not a folder");
});

test("a pinned commit that Python filled with config and weights is completed, and then needs no request", async () => {
  const [hub, cacheDir] = [await mockHub(published), await temporaryFolder()];
  const snapshot = join(cacheDir, "models--org--name", "snapshots", hub.commit);
  await mkdir(snapshot, { recursive: true });
  for (const name of ["config.json", "model.safetensors"] as const)
    await writeFile(join(snapshot, name), published[name]);
  const pinned = { revision: hub.commit };
  expect(await fetchFrom(hub, cacheDir, pinned)).toBe(snapshot);
  expect((await readdir(snapshot)).sort()).toEqual(Object.keys(published).sort());
  expect(hub.requests.filter((line) => line.endsWith("/config.json") || line.endsWith(".safetensors"))).toEqual([]);
  hub.requests.length = 0;
  await fetchFrom(hub, cacheDir, pinned);
  expect(hub.requests).toEqual([]);
});

test("weights in another format that the cache has are not fetched again", async () => {
  const [hub, cacheDir] = [await mockHub({ ...published, "pytorch_model.bin": "torch" }), await temporaryFolder()];
  const snapshot = join(cacheDir, "models--org--name", "snapshots", hub.commit);
  await mkdir(snapshot, { recursive: true });
  await writeFile(join(snapshot, "pytorch_model.bin"), "torch");
  await fetchFrom(hub, cacheDir);
  expect((await readdir(snapshot)).sort()).toEqual([
    "config.json",
    "preprocessor_config.json",
    "pytorch_model.bin",
    "tokenizer.json",
  ]);
});

test("an interrupted set of shards is completed, though another format is whole", async () => {
  const index = JSON.stringify({ weight_map: { a: "model-1.safetensors", b: "model-2.safetensors" } });
  const hub = await mockHub({
    ...{ "config.json": "{}", "model.safetensors.index.json": index },
    ...{ "model-1.safetensors": "one", "model-2.safetensors": "two" },
  });
  const cacheDir = await temporaryFolder();
  const snapshot = join(cacheDir, "models--org--name", "snapshots", hub.commit);
  await mkdir(snapshot, { recursive: true });
  await writeFile(join(snapshot, "model.safetensors.index.json"), index);
  await writeFile(join(snapshot, "pytorch_model.bin"), "torch");
  await fetchFrom(hub, cacheDir);
  expect(await readFile(join(snapshot, "model-2.safetensors"), "utf8")).toBe("two");
});

test.each(["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])("%s=1 asks nobody, and errors name it", async (name) => {
  const { hub, cacheDir, folder } = await filledCache();
  const environment = { [name]: "1" };
  expect(await fetchFrom(hub, cacheDir, {}, { environment })).toBe(folder);
  const empty = await temporaryFolder();
  expect(await complaint(empty, fetchFrom(hub, empty, {}, { environment }))).toContain(
    `as ${name} forbids the network, found none. Download it once without ${name}`,
  );
  expect(hub.requests).toEqual([]);
});

test("HF_HUB_OFFLINE=0 overrides the older name", async () => {
  const { hub, cacheDir } = await filledCache();
  await fetchFrom(hub, cacheDir, {}, { environment: { HF_HUB_OFFLINE: "0", TRANSFORMERS_OFFLINE: "1" } });
  expect(hub.requests).toHaveLength(1);
});

test("a link to a blob that is gone, is an incomplete snapshot", async () => {
  const { hub, cacheDir, folder } = await filledCache();
  await rm(
    join(cacheDir, "models--org--name", "blobs", etagOf("tokenizer.json", Buffer.from(published["tokenizer.json"]))),
  );
  await fetchFrom(hub, cacheDir, { revision: hub.commit });
  expect(await readFile(join(folder, "tokenizer.json"), "utf8")).toBe(published["tokenizer.json"]);
});

test("a cache that cannot be made is an error that names its variable", async () => {
  const hub = await mockHub(published);
  const folder = await temporaryFolder();
  await writeFile(join(folder, "file"), "");
  expect(await complaint(folder, fetchFrom(hub, join(folder, "file", "cache")))).toMatch(
    /^file\/cache.*: expected a folder that can be created, found .*\. Set HF_HUB_CACHE to a folder that this user may write\.$/,
  );
});
