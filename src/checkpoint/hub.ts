/** Downloads a model from the hub into the cache. */

import { join } from "node:path";

import { z } from "zod";

import { InputError } from "../errors.js";
import { isFile } from "../files/index.js";
import { ModelCache } from "./hub-cache.js";
import { describeFile, downloadBlob } from "./hub-download.js";
import { bodyOf, HubUnreachable, type HubTarget, hubUrl, requestHub } from "./hub-http.js";
import { type HubOptions, type HubProgress, hubSettings } from "./hub-settings.js";
import { readShardIndex } from "./shard-index.js";
import { smallFiles, weightFormats } from "./model-files.js";

const maxAnswer = 32 * 2 ** 20;
const modelInfo = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(z.object({ rfilename: z.string() })),
});

/**
 * The folder of a hub id (`org/name`) in the Hugging Face cache, which is filled from the hub as needed. Without a network
 * the newest complete snapshot of the revision is used.
 * @throws InputError naming the model, what is missing and how to get it; the reason of `options.signal` when it is aborted
 */
export async function fetchModel(id: string, options: HubOptions): Promise<string> {
  const target: HubTarget = { id, settings: await hubSettings(options, process.env) };
  return fromHub(target, options.onDownload ?? (() => undefined));
}

async function fromHub(target: HubTarget, report: (event: HubProgress) => void): Promise<string> {
  const { revision, offline, cacheDir } = target.settings;
  const cache = new ModelCache(cacheDir, target.id);
  const cached = await cache.complete(revision);
  // A commit never changes, so a complete one needs no request.
  if (cached !== undefined && (offline || cached === cache.snapshot(revision))) return cached;
  if (offline) {
    throw new InputError({
      code: "offline",
      where: target.id,
      expected: `a complete copy of revision ${revision} in ${cacheDir}, because the network must not be used`,
      found: "none",
      hint: "Download it once without HF_HUB_OFFLINE (or localFilesOnly), or give a model folder",
    });
  }
  try {
    return await download(target, cache, report);
  } catch (error) {
    if (!(error instanceof HubUnreachable)) throw error;
    if (cached !== undefined) return cached;
    throw new InputError(
      {
        code: "hub-unreachable",
        where: target.id,
        expected: "an answer from the hub",
        found: error.message,
        hint: "Check the network and HF_ENDPOINT and try again: the download continues where it stopped",
      },
      { cause: error },
    );
  }
}

async function download(target: HubTarget, cache: ModelCache, report: (event: HubProgress) => void): Promise<string> {
  const { commit, files } = await listFiles(target);
  const fetchFile = (file: string) => fetchToSnapshot(target, cache, commit, file, report);
  if (!files.has("config.json")) throw lacking(target, "config.json");
  // Before the weights, so that weights in the cache mean that the rest is there.
  for (const file of smallFiles) if (files.has(file)) await fetchFile(file);
  for (const file of await weightFiles(target, files, cache.snapshot(commit), fetchFile)) await fetchFile(file);
  await cache.record(target.settings.revision, commit);
  return cache.snapshot(commit);
}

/** The weights' files; an index is fetched on the way, since it names the others. */
async function weightFiles(
  target: HubTarget,
  files: ReadonlySet<string>,
  snapshot: string,
  fetchFile: (file: string) => Promise<void>,
): Promise<readonly string[]> {
  for (const { file, index } of weightFormats) {
    if (files.has(file)) return [file];
    if (!files.has(index)) continue;
    await fetchFile(index);
    const shards = [...(await readShardIndex(join(snapshot, index))).keys()];
    const missing = shards.find((shard) => !files.has(shard));
    if (missing !== undefined) throw lacking(target, missing);
    return shards;
  }
  throw lacking(target, weightFormats.map(({ file }) => file).join(" or "));
}

function lacking({ id, settings }: HubTarget, file: string): InputError {
  const where = `${id} at revision ${settings.revision}`;
  return new InputError({
    code: "model-not-found",
    where,
    expected: file,
    found: "no such file on the hub",
    hint: "Choose another revision",
  });
}

async function listFiles(target: HubTarget): Promise<{ commit: string; files: ReadonlySet<string> }> {
  const url = hubUrl(target, "api", "models", ...target.id.split("/"), "revision", target.settings.revision);
  const response = await requestHub(target, url, { method: "GET", headers: {}, redirects: "all" });
  const info = modelInfo.safeParse(await readAnswer(target, response));
  if (info.success) {
    return { commit: info.data.sha, files: new Set(info.data.siblings.map(({ rfilename }) => rfilename)) };
  }
  throw new InputError({
    code: "hub-unreachable",
    where: target.id,
    expected: "the hub's description of a model, with commit and files",
    found: "another answer",
    hint: "Check HF_ENDPOINT",
  });
}

/** The JSON of a body of bounded length; undefined for anything else. */
async function readAnswer(target: HubTarget, response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bodyOf(target, response, "its answer")) {
    length += chunk.length;
    if (length > maxAnswer) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  }
}

async function fetchToSnapshot(
  target: HubTarget,
  cache: ModelCache,
  commit: string,
  file: string,
  report: (event: HubProgress) => void,
): Promise<void> {
  target.settings.signal?.throwIfAborted();
  if (await isFile(join(cache.snapshot(commit), file))) return;
  const event = (status: HubProgress["status"], loaded: number, total: number) => {
    report({ status, name: target.id, file, progress: total === 0 ? 0 : (100 * loaded) / total, loaded, total });
  };
  event("initiate", 0, 0);
  const remote = await describeFile(target, commit, file);
  if (!(await isFile(join(cache.blobs, remote.etag)))) {
    event("download", 0, remote.size);
    await downloadBlob(target, remote, cache.blobs, (loaded) => event("progress", loaded, remote.size));
  }
  await cache.link(commit, file, remote.etag);
  report({ status: "done", name: target.id, file, progress: 100, loaded: remote.size, total: remote.size });
}
