/** Downloads one file from the hub into the cache's blobs. Resumes an earlier attempt, verifies the hash, and then renames the file. */

import { fileError, hashFile, isAbandoned, systemCode, uniqueTag, uniqueTagPattern } from "../files/index.js";
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { InputError } from "../errors.js";

import { bodyOf, HubUnreachable, type HubTarget, hubUrl, requestHub } from "./hub-http.js";

/** The hub's description of a file. */
export interface RemoteFile {
  readonly url: URL;
  readonly file: string;
  /** The blob's name: sha256 of large files, git's sha1 of small ones. */
  readonly etag: string;
  /** Bytes. */
  readonly size: number;
}

/** A dropped connection is taken up again this many times in one call, as long as each attempt brings new bytes. */
const maxAttempts = 10;

/** Asks for etag and size. @throws InputError when the hub states neither in a form that can be used. */
export async function describeFile(target: HubTarget, commit: string, file: string): Promise<RemoteFile> {
  const url = hubUrl(target, ...target.id.split("/"), "resolve", commit, file);
  const response = await requestHub(target, url, { method: "HEAD", headers: {}, redirects: "until described" });
  await response.body?.cancel();
  // The plain headers of a redirect describe the redirect, not the file.
  const header = (linked: string, plain: string) =>
    response.headers.get(linked) ?? (response.ok ? response.headers.get(plain) : null) ?? "";
  const etag = header("x-linked-etag", "etag")
    .replace(/^W\//, "")
    .replace(/^"(.*)"$/, "$1");
  const size = header("x-linked-size", "content-length");
  if (!/^[\w-]{1,128}$/.test(etag) || !/^\d{1,15}$/.test(size)) {
    throw new InputError({
      code: "hub-unreachable",
      where: `${target.id}: ${file}`,
      expected: "an answer with the file's etag and size",
      found: `etag ${JSON.stringify(etag)}, size ${JSON.stringify(size)}`,
      hint: "Check HF_ENDPOINT: this host does not answer like the hub",
    });
  }
  return { url, file, etag, size: Number(size) };
}

/**
 * Makes sure that `blobs/<etag>` contains the file. Concurrent calls and processes each write a separate file, and the last step is a
 * rename.
 * @param onBytes  called with the number of bytes so far
 */
export async function downloadBlob(
  target: HubTarget,
  remote: RemoteFile,
  blobs: string,
  onBytes: (loaded: number) => void,
): Promise<void> {
  const blob = join(blobs, remote.etag);
  try {
    await mkdir(blobs, { recursive: true });
    const partial = await claimPartial(blobs, remote.etag);
    try {
      await fetchInto(target, remote, partial, onBytes);
      await verify(target, remote, partial);
      await rename(partial, blob);
    } catch (error) {
      await release(partial, blob);
      throw error;
    }
  } catch (error) {
    throw fileError(blob, error, { action: "write" });
  }
}

/** Gives up the partial file, if it is still there, so that the next call for this blob continues it. */
async function release(partial: string, blob: string): Promise<void> {
  await rename(partial, `${blob}.free-${randomBytes(4).toString("hex")}.incomplete`).catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT") throw error;
  });
}

const partialName = new RegExp(`^([\\w-]+)\\.(?:free-[0-9a-f]{8}|${uniqueTagPattern})\\.incomplete$`);

/**
 * The name of this call's partial file. One that was given up or abandoned is renamed to it: of several callers one succeeds, and
 * the file of a running process stays in its place.
 */
async function claimPartial(blobs: string, etag: string): Promise<string> {
  const own = join(blobs, `${etag}.${uniqueTag()}.incomplete`);
  for (const name of await readdir(blobs)) {
    const [, blob, writer] = partialName.exec(name) ?? [];
    if (blob !== etag) continue;
    const path = join(blobs, name);
    if (writer !== undefined && !(await isAbandoned(path, writer))) continue;
    const claimed = await rename(path, own).then(
      () => true,
      () => false,
    );
    if (claimed) return own;
  }
  return own;
}

async function fetchInto(
  target: HubTarget,
  remote: RemoteFile,
  partial: string,
  onBytes: (loaded: number) => void,
): Promise<void> {
  const handle = await open(partial, "a+");
  try {
    let loaded = (await handle.stat()).size;
    if (loaded > remote.size) loaded = await restart(handle);
    for (let attempt = 1; loaded < remote.size; attempt++) {
      const before = loaded;
      const failure = await attemptFrom(target, remote, handle, before, onBytes);
      loaded = (await handle.stat()).size;
      if (failure !== undefined && (loaded <= before || attempt === maxAttempts)) throw failure;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Appends to the file from `start` on; returns the failure when the connection breaks. */
async function attemptFrom(
  target: HubTarget,
  { url, file, size }: RemoteFile,
  handle: FileHandle,
  start: number,
  onBytes: (loaded: number) => void,
): Promise<HubUnreachable | undefined> {
  const headers: Record<string, string> = start > 0 ? { range: `bytes=${start}-` } : {};
  const response = await requestHub(target, url, { method: "GET", headers, redirects: "all" });
  const continues = response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${start}-`);
  let loaded = continues === true ? start : await restart(handle);
  if (response.status !== 206 && response.status !== 200) {
    await response.body?.cancel();
    return new HubUnreachable(`${url.origin} answers ${response.status} to the request for ${file}`);
  }
  try {
    for await (const chunk of bodyOf(target, response, file)) {
      loaded += chunk.length;
      if (loaded > size) throw tooLong(target, file, size);
      await handle.appendFile(chunk);
      onBytes(loaded);
    }
  } catch (error) {
    if (error instanceof HubUnreachable) return error;
    throw error;
  }
  return loaded < size ? new HubUnreachable(`${url.origin} ended ${file} after ${loaded} of ${size} bytes`) : undefined;
}

async function restart(handle: FileHandle): Promise<number> {
  await handle.truncate(0);
  return 0;
}

function tooLong({ id }: HubTarget, file: string, size: number): InputError {
  const hint = "Try again; if the error persists, check HF_ENDPOINT";
  return new InputError({
    code: "corrupt-file",
    where: `${id}: ${file}`,
    expected: `${size} bytes`,
    found: "more",
    hint,
  });
}

/** Compares the file's hash with its etag; on a mismatch the file is removed, since it cannot be resumed. */
async function verify({ id, settings }: HubTarget, { file, etag, size }: RemoteFile, partial: string): Promise<void> {
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag)) return;
  // Git names a blob by the sha1 of a small header and its content.
  const hash = etag.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
  const found = await hashFile(partial, { hash, signal: settings.signal });
  if (found === etag) return;
  await rm(partial, { force: true });
  throw new InputError({
    code: "corrupt-file",
    where: `${id}: ${file}`,
    expected: `content with hash ${etag}`,
    found: `hash ${found}: the download was damaged`,
    hint: "Try again; if the error persists, check HF_ENDPOINT",
  });
}
