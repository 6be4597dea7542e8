/**
 * One file from the hub into the cache's blobs: resumed where an earlier attempt stopped, checked against its hash,
 * and only then given its name.
 */

import { errorCode, fileProblem, withFile } from "../files/index.js";
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { InputError } from "../errors.js";

import { HubUnreachable, type HubTarget, causeOf, hubUrl, requestHub } from "./hub-http.js";

/** What the hub says about a file before it is fetched. */
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
/** Partial files of other machines (a shared home) are taken over when nobody has written to them for so long. */
const abandonedMs = 10 * 60_000;

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
      hint: "Check HF_ENDPOINT: this host does not answer as a hub does",
    });
  }
  return { url, file, etag, size: Number(size) };
}

/**
 * Makes sure that `blobs/<etag>` holds the file. Calls and processes may do this side by side: each writes a file of
 * its own, and the last step is a rename.
 * @param onBytes  called with the bytes there are so far
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
    throw fileProblem(blob, error, undefined, "file-not-writable");
  }
}

/** Leaves the partial file, if it is still there, to whoever asks for the blob next. */
async function release(partial: string, blob: string): Promise<void> {
  await rename(partial, `${blob}.free-${randomBytes(4).toString("hex")}.incomplete`).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw error;
  });
}

/** The name of this call's partial file; an abandoned one is renamed to it, which only one claimant can do. */
async function claimPartial(blobs: string, etag: string): Promise<string> {
  const host = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
  const own = join(blobs, `${etag}.${host}-${process.pid}-${randomBytes(4).toString("hex")}.incomplete`);
  for (const name of await readdir(blobs)) {
    const match = /^([\w-]+)\.(?:free|([0-9a-f]{8})-(\d+))-[0-9a-f]{8}\.incomplete$/.exec(name);
    if (match?.[1] !== etag) continue;
    const [, , writerHost, writerProcess] = match;
    const path = join(blobs, name);
    const free = writerHost === undefined;
    if (!free && !(await isAbandoned(path, writerHost === host ? Number(writerProcess) : undefined))) continue;
    const claimed = await rename(path, own).then(
      () => true,
      () => false,
    );
    if (claimed) return own;
  }
  return own;
}

/** @param processId  of the writer, if it ran on this machine */
async function isAbandoned(path: string, processId: number | undefined): Promise<boolean> {
  if (processId !== undefined && processId !== process.pid && !isRunning(processId)) return true;
  const stats = await stat(path).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > abandonedMs;
}

function isRunning(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
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
    // The stream types of the DOM and of Node differ; at run time a body is a Node web stream.
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      loaded += chunk.length;
      if (loaded > size) throw tooLong(target, file, size);
      await handle.appendFile(chunk);
      onBytes(loaded);
    }
  } catch (error) {
    if (error instanceof InputError || errorCode(error) !== undefined) throw error;
    return new HubUnreachable(`${url.origin} broke off ${file} (${causeOf(error)})`, { cause: error });
  }
  return loaded < size ? new HubUnreachable(`${url.origin} ended ${file} after ${loaded} of ${size} bytes`) : undefined;
}

async function restart(handle: FileHandle): Promise<number> {
  await handle.truncate(0);
  return 0;
}

function tooLong({ id }: HubTarget, file: string, size: number): InputError {
  const hint = "Try again; if it stays so, check HF_ENDPOINT";
  return new InputError({
    code: "corrupt-file",
    where: `${id}: ${file}`,
    expected: `${size} bytes`,
    found: "more",
    hint,
  });
}

/** Compares the file's hash with its etag; on a mismatch the file is removed, since it cannot be resumed. */
async function verify({ id }: HubTarget, { file, etag, size }: RemoteFile, partial: string): Promise<void> {
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag)) return;
  // Git names a blob by the sha1 of a small header and its content.
  const hash = etag.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
  await withFile(partial, async (opened) => {
    for (let at = 0; at < opened.size; at += 2 ** 20) {
      hash.update(await opened.read(at, Math.min(2 ** 20, opened.size - at)));
    }
  });
  const found = hash.digest("hex");
  if (found === etag) return;
  await rm(partial, { force: true });
  throw new InputError({
    code: "corrupt-file",
    where: `${id}: ${file}`,
    expected: `content with hash ${etag}`,
    found: `hash ${found}: it was damaged on the way`,
    hint: "Try again; if it stays so, check HF_ENDPOINT",
  });
}
