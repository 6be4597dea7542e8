/** Downloads one file from the hub into the cache's blobs. Resumes an earlier attempt, verifies the hash, and then renames the file. */

import {
  fileError,
  hashFile,
  isAbandoned,
  isFile,
  statIfPresent,
  systemCode,
  uniqueTag,
  uniqueTagPattern,
} from "../files/index.js";
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { InputError } from "../errors.js";

import { cacheHint, makeCacheFolder } from "./hub-cache.js";
import { HubFailure, unreachable } from "./hub-failures.js";
import type { HubClient } from "./hub-http.js";
import type { ListedFile } from "./hub-listing.js";

/** The hub's description of a file. */
export interface RemoteFile {
  readonly url: URL;
  readonly file: string;
  /** The blob's name: the etag, which is sha256 of large files and git's sha1 of small ones. */
  readonly etag: string;
  /** Bytes. */
  readonly size: number;
  /** The hash in the hub's list of files; undefined if the etag is one, or the list has none. */
  readonly listedHash: string | undefined;
}

/**
 * Asks for etag and size. If the etag is no hash, or either is missing, the hub's list of files is asked too.
 * @param listing the list of files with their hashes, which is fetched at most once
 * @throws HubFailure if the hub states neither in a form that can be used
 */
export async function describeFile(
  hub: HubClient,
  commit: string,
  file: string,
  listing: () => Promise<ReadonlyMap<string, ListedFile>>,
): Promise<RemoteFile> {
  const url = hub.url(...hub.id.split("/"), "resolve", commit, file);
  const response = await hub.retry(file, () => hub.request(url, { method: "HEAD", file, untilDescribed: true }));
  await response.body?.cancel();
  const stated = (name: string) => response.headers.get(name) ?? "";
  // The plain headers of a redirect describe the redirect, not the file.
  const own = (name: string) => (response.ok ? stated(name) : "");
  const etag = plainEtag(stated("x-linked-etag") || own("etag"));
  const size = stated("x-linked-size") || own("content-length");
  if (isHash(etag) && /^\d{1,15}$/.test(size)) return { url, file, etag, size: Number(size), listedHash: undefined };

  const listed = (await listing()).get(file);
  const name = /^\w[\w.+=-]{0,127}$/.test(etag) ? etag : etag === "" ? listed?.hash : undefined;
  const bytes = /^\d{1,15}$/.test(size) ? Number(size) : listed?.size;
  if (name !== undefined && bytes !== undefined) {
    return { url, file, etag: name, size: bytes, listedHash: listed?.hash };
  }
  throw new HubFailure({
    code: "hub-unreachable",
    expected: `an answer with the file's etag and size, for ${file}`,
    found: `etag ${JSON.stringify(etag)}, size ${JSON.stringify(size)}`,
    hint: "Check HF_ENDPOINT: this host does not answer like the hub",
  });
}

/** Without quotes and the mark of weak ones; Sonatype Nexus writes `{SHA1{<hash>}}`. */
function plainEtag(header: string): string {
  const etag = header.replace(/^W\//, "").replace(/^"(.*)"$/, "$1");
  return /^\{SHA1\{([0-9a-f]{40})\}\}$/i.exec(etag)?.[1]?.toLowerCase() ?? etag;
}

const isHash = (etag: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag);

/**
 * Makes sure that `blobs/<etag>` contains the file. Concurrent calls and processes each write a separate file, and the last step is a
 * rename.
 * @param onBytes  called with the number of bytes so far
 * @returns whether the content was checked against a hash
 */
export async function downloadBlob(
  hub: HubClient,
  remote: RemoteFile,
  blobs: string,
  onBytes: (loaded: number) => void,
): Promise<boolean> {
  const blob = join(blobs, remote.etag);
  try {
    await makeCacheFolder(blobs);
    const partial = await claimPartial(blobs, remote.etag);
    try {
      const resumed = await fetchInto(hub, remote, partial, blobs, onBytes);
      let match = await matchHash(hub, remote, partial);
      if (match === "differs" && resumed) {
        // The part of an earlier call may be damaged: once more from the start.
        await rm(partial, { force: true });
        await fetchInto(hub, remote, partial, blobs, onBytes);
        match = await matchHash(hub, remote, partial);
      }
      if (match === "differs") {
        // It cannot be resumed.
        await rm(partial, { force: true });
        throw damaged(hub, remote);
      }
      await publish(partial, blob);
      return match === "equal";
    } catch (error) {
      await release(partial, blob);
      throw error;
    }
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOSPC" || code === "EDQUOT") throw await diskFull(hub, remote, blobs, error);
    throw fileError(blob, error, { action: "write", hint: cacheHint });
  }
}

/** Gives the finished file its name. Windows does not replace a file that is open, which is then the same blob of another call. */
async function publish(partial: string, blob: string): Promise<void> {
  try {
    await rename(partial, blob);
  } catch (error) {
    if (!(await isFile(blob))) throw error;
    await rm(partial, { force: true });
  }
}

/** Gives up the partial file, if it is still there, so that the next call for this blob continues it. */
async function release(partial: string, blob: string): Promise<void> {
  await rename(partial, `${blob}.free-${randomBytes(4).toString("hex")}.incomplete`).catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT") throw error;
  });
}

/** A download on another machine writes more often than this, since a longer pause is never taken. */
const abandonedAfterMs = 60 * 60_000;
const partialName = new RegExp(`^(.+)\\.(?:free-[0-9a-f]{8}|${uniqueTagPattern})\\.incomplete$`);

/**
 * The name of this call's partial file. The largest that was given up or abandoned is renamed to it: of several callers one succeeds.
 * A name is never used again, so the file of a running process stays in its place.
 */
async function claimPartial(blobs: string, etag: string): Promise<string> {
  const own = join(blobs, `${etag}.${uniqueTag()}.incomplete`);
  for (const { blob, path } of await unownedPartials(blobs)) {
    if (blob !== etag) continue;
    const isClaimed = await rename(path, own).then(
      () => true,
      () => false,
    );
    if (isClaimed) return own;
  }
  return own;
}

interface PartialFile {
  /** The name of its blob. */
  readonly blob: string;
  readonly path: string;
  readonly size: number;
}

/** Partial files that no running process writes, the largest first. */
async function unownedPartials(blobs: string): Promise<PartialFile[]> {
  const partials: PartialFile[] = [];
  for (const name of await readdir(blobs)) {
    const [, blob, writer] = partialName.exec(name) ?? [];
    if (blob === undefined) continue;
    const path = join(blobs, name);
    if (writer !== undefined && !(await isAbandoned(path, writer, abandonedAfterMs))) continue;
    const stats = await statIfPresent(path);
    if (stats !== undefined) partials.push({ blob, path, size: stats.size });
  }
  return partials.sort((a, b) => b.size - a.size);
}

/** Removes partial files of blobs that another call has completed. */
export async function removeLeftovers(blobs: string): Promise<void> {
  for (const { blob, path } of await unownedPartials(blobs).catch(() => [])) {
    if (await isFile(join(blobs, blob))) await rm(path, { force: true }).catch(() => undefined);
  }
}

/** @returns whether it continues a part of an earlier call */
async function fetchInto(
  hub: HubClient,
  remote: RemoteFile,
  partial: string,
  blobs: string,
  onBytes: (loaded: number) => void,
): Promise<boolean> {
  const handle = await open(partial, "a+");
  try {
    let loaded = (await handle.stat()).size;
    if (loaded > remote.size) loaded = await restart(handle);
    const isResumed = loaded > 0;
    const free = await hub.system.freeBytes(blobs);
    if (free !== undefined && free < remote.size - loaded) throw spaceError(hub, remote, remote.size - loaded, free);
    let before = loaded;
    const attempt = async () => {
      before = loaded;
      try {
        await attemptFrom(hub, remote, handle, before, onBytes);
      } finally {
        loaded = (await handle.stat()).size;
      }
    };
    if (loaded < remote.size) await hub.retry(remote.file, attempt, () => loaded > before);
    await handle.sync();
    return isResumed;
  } finally {
    await handle.close();
  }
}

/** Appends to the file from `start` on. @throws HubFailure when the connection breaks or the file is cut short */
async function attemptFrom(
  hub: HubClient,
  { url, file, size }: RemoteFile,
  handle: FileHandle,
  start: number,
  onBytes: (loaded: number) => void,
): Promise<void> {
  const headers: Record<string, string> = start > 0 ? { range: `bytes=${start}-` } : {};
  const response = await hub.request(url, { method: "GET", headers, file });
  const continues = response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${start}-`);
  let loaded = continues === true ? start : await restart(handle);
  if (response.status !== 206 && response.status !== 200) {
    await response.body?.cancel();
    throw unreachable(`${url.origin} answers ${response.status} to the request for ${file}`, "Try again", {
      kind: start > 0 ? "transient" : "permanent",
    });
  }
  for await (const chunk of hub.body(response, file)) {
    loaded += chunk.length;
    if (loaded > size) throw tooLong(hub, file, size);
    await handle.appendFile(chunk);
    onBytes(loaded);
  }
  if (loaded === size) return;
  throw unreachable(`${url.origin} ended ${file} after ${loaded} of ${size} bytes`, "Try again", {
    kind: "transient",
  });
}

async function restart(handle: FileHandle): Promise<number> {
  await handle.truncate(0);
  return 0;
}

function tooLong({ id }: HubClient, file: string, size: number): InputError {
  const hint = "Try again; if the error persists, check HF_ENDPOINT";
  return new InputError({
    code: "corrupt-file",
    where: `${id}: ${file}`,
    expected: `${size} bytes`,
    found: "more",
    hint,
  });
}

type HashMatch = "equal" | "differs" | "unknown";

/** Compares the file with the hash that the hub states: in its list of files, or as the etag. */
async function matchHash(hub: HubClient, remote: RemoteFile, partial: string): Promise<HashMatch> {
  const { etag, size, listedHash } = remote;
  const { signal } = hub.settings;
  const expected = listedHash ?? etag;
  const has = async (hash: ReturnType<typeof createHash>) => (await hashFile(partial, { hash, signal })) === expected;
  const matches = (isEqual: boolean): HashMatch => (isEqual ? "equal" : "differs");
  if (/^[0-9a-f]{64}$/.test(expected)) return matches(await has(createHash("sha256")));
  if (/^[0-9a-f]{40}$/.test(expected)) {
    // Git names a blob by the sha1 of a small header and its content; repository managers by that of the content.
    const isGit = await has(createHash("sha1").update(`blob ${size}\0`));
    return matches(isGit || (await has(createHash("sha1"))));
  }
  // Storage often has the MD5 as etag, but other values look the same.
  const isMd5 = /^[0-9a-f]{32}$/.test(expected) && (await has(createHash("md5")));
  return isMd5 ? "equal" : "unknown";
}

function damaged({ id }: HubClient, { file, etag, listedHash }: RemoteFile): InputError {
  return new InputError({
    code: "corrupt-file",
    where: `${id}: ${file}`,
    expected: `content with hash ${listedHash ?? etag}`,
    found: "another hash: the download was damaged",
    hint: "Try again; if the error persists, check HF_ENDPOINT",
  });
}

/** What the write of a file needed when the disk was full. */
async function diskFull(hub: HubClient, remote: RemoteFile, blobs: string, cause: unknown): Promise<InputError> {
  const free = await hub.system.freeBytes(blobs);
  const partials = await unownedPartials(blobs).catch(() => []);
  const there = partials.find(({ blob }) => blob === remote.etag)?.size ?? 0;
  return spaceError(hub, remote, remote.size - there, free, cause);
}

function spaceError(
  { id, settings }: HubClient,
  { file }: RemoteFile,
  needed: number,
  free: number | undefined,
  cause?: unknown,
): InputError {
  return new InputError(
    {
      code: "disk-full",
      where: `${id}: ${file}`,
      expected: `${megabytes(needed)} of free space in ${settings.cacheDir}`,
      found: free === undefined ? "a full disk" : `${megabytes(free)}`,
      hint: "Free space and run it again, which continues the download, or set HF_HUB_CACHE to a folder on another disk",
    },
    { cause },
  );
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
