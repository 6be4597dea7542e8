/** Downloads a model from the hub into the cache. */

import { statfs } from "node:fs/promises";
import { join } from "node:path";

import { InputError } from "../errors.js";
import { isFile } from "../files/index.js";
import { type CachedSnapshot, hasWeights, ModelCache } from "./hub-cache.js";
import { describeFile, downloadBlob, removeLeftovers } from "./hub-download.js";
import { HubFailure } from "./hub-failures.js";
import { HubClient, type HubSystem, pause } from "./hub-http.js";
import { type ListedFile, listFiles, type Listing } from "./hub-listing.js";
import { type HubOptions, type HubProgress, hubSettings } from "./hub-settings.js";
import { readShardIndex } from "./shard-index.js";
import { smallFiles, weightFormats } from "./model-files.js";

const thisSystem: HubSystem = {
  environment: process.env,
  pause,
  freeBytes: async (folder) => {
    const stats = await statfs(folder).catch(() => undefined);
    // Some network disks state no size at all.
    return stats === undefined || stats.blocks === 0 ? undefined : stats.bavail * stats.bsize;
  },
};

/**
 * The folder of a hub id (`org/name`) in the Hugging Face cache, which is filled from the hub as needed. If the hub does not give the
 * model, the snapshot in the cache is used, with a warning.
 * @throws InputError naming the model, what is missing and how to get it; the reason of `options.signal` when it is aborted
 */
export async function fetchModel(id: string, options: HubOptions, system: Partial<HubSystem> = {}): Promise<string> {
  const { environment, ...rest } = { ...thisSystem, ...system };
  const settings = await hubSettings(options, environment);
  const hub = new HubClient(id, settings, { environment, ...rest }, options);
  try {
    return await fromHub(hub);
  } finally {
    await hub.close();
  }
}

async function fromHub(hub: HubClient): Promise<string> {
  const { revision, offline, offlineSource, cacheDir, signal } = hub.settings;
  const cache = new ModelCache(cacheDir, hub.id);
  const cached = await cache.find(revision);
  // A commit never changes, so a complete one needs no request.
  if (cached !== undefined && (offline || (cached.isComplete && cached.commit === revision))) return cached.folder;
  if (offline) {
    throw new InputError({
      code: "offline",
      where: hub.id,
      expected: `a complete copy of revision ${revision} in ${cacheDir}, as ${offlineSource} forbids the network`,
      found: "none",
      hint: `Download it once without ${offlineSource}, set HF_HUB_CACHE to the cache that has it, or give a model folder`,
    });
  }
  try {
    return await download(hub, cache, cached);
  } catch (error) {
    signal?.throwIfAborted();
    const problem = error instanceof HubFailure ? error.toInputError(hub.id) : error;
    if (cached === undefined || !(problem instanceof InputError)) throw problem;
    const { expected, found } = problem;
    hub.warn(
      `expected ${expected}, found ${found}; uses the copy in the cache, of commit ${cached.commit.slice(0, 12)}`,
    );
    return cached.folder;
  }
}

async function download(hub: HubClient, cache: ModelCache, cached: CachedSnapshot | undefined): Promise<string> {
  const { revision, cachedTimeoutMs } = hub.settings;
  // With a copy in the cache, a hub that does not answer costs one request and a short time limit.
  const { commit, files } = await (cached === undefined
    ? hub.retry(undefined, () => listFiles(hub, revision))
    : listFiles(hub, revision, { timeoutMs: cachedTimeoutMs }));
  const folder = cache.snapshot(commit);
  const fetched = new SnapshotFiles(hub, cache, commit);
  if (!files.has("config.json")) throw lacking(hub, "config.json");
  // Before the weights, so that weights in the cache mean that the rest is there.
  for (const file of smallFiles) if (files.has(file)) await fetched.add(file);
  if (!(await hasWeights(folder))) {
    for (const file of await weightFiles(hub, files, folder, (index) => fetched.add(index))) await fetched.add(file);
  }
  const missing = smallFiles.filter((file) => !files.has(file));
  await cache.record(revision, commit, missing);
  await removeLeftovers(cache.blobs);
  fetched.warnOfUnverified();
  return folder;
}

/** The weights' files; an index is fetched first, because it names the others. */
async function weightFiles(
  hub: HubClient,
  files: Listing["files"],
  snapshot: string,
  fetchFile: (file: string) => Promise<void>,
): Promise<readonly string[]> {
  for (const { file, index } of weightFormats) {
    if (files.has(file)) return [file];
    if (!files.has(index)) continue;
    await fetchFile(index);
    const shards = [...(await readShardIndex(join(snapshot, index))).keys()];
    const missing = shards.find((shard) => !files.has(shard));
    if (missing !== undefined) throw lacking(hub, missing);
    return shards;
  }
  throw lacking(hub, weightFormats.map(({ file }) => file).join(" or "));
}

function lacking({ id, settings }: HubClient, file: string): InputError {
  const where = `${id} at revision ${settings.revision}`;
  return new InputError({
    code: "model-not-found",
    where,
    expected: file,
    found: "no such file on the hub",
    hint: "Choose another revision",
  });
}

/** Files of one commit, which are fetched into its snapshot. */
class SnapshotFiles {
  private listing: Promise<ReadonlyMap<string, ListedFile>> | undefined;
  /** Files whose content was not checked against a hash. */
  private readonly unverified: string[] = [];

  constructor(
    private readonly hub: HubClient,
    private readonly cache: ModelCache,
    private readonly commit: string,
  ) {}

  async add(file: string): Promise<void> {
    const { hub, cache, commit } = this;
    hub.settings.signal?.throwIfAborted();
    if (await isFile(join(cache.snapshot(commit), file))) return;
    const report = (status: HubProgress["status"], loaded: number, total: number) => {
      hub.report({ status, name: hub.id, file, progress: total === 0 ? 0 : (100 * loaded) / total, loaded, total });
    };
    report("initiate", 0, 0);
    const remote = await describeFile(hub, commit, file, () => (this.listing ??= this.listHashes()));
    if (!(await isFile(join(cache.blobs, remote.etag)))) {
      report("download", 0, remote.size);
      const onBytes = (loaded: number) => report("progress", loaded, remote.size);
      if (!(await downloadBlob(hub, remote, cache.blobs, onBytes))) this.unverified.push(file);
    }
    await cache.link(commit, file, remote.etag);
    hub.report({ status: "done", name: hub.id, file, progress: 100, loaded: remote.size, total: remote.size });
  }

  warnOfUnverified(): void {
    if (this.unverified.length === 0) return;
    const { origin } = this.hub.settings.endpoint;
    this.hub.warn(`${this.unverified.join(", ")}: not checked, since ${origin} states no hash of the content`);
  }

  /** Sizes and hashes; none if the hub, or its mirror, has no such list. */
  private async listHashes(): Promise<ReadonlyMap<string, ListedFile>> {
    const { hub, commit } = this;
    try {
      return (await hub.retry(undefined, () => listFiles(hub, commit, { withHashes: true }))).files;
    } catch (error) {
      if (error instanceof HubFailure) return new Map();
      throw error;
    }
  }
}
