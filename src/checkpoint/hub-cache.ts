/**
 * The cache that Python's huggingface_hub uses too, so that weights are stored once:
 * `models--{org}--{name}/{blobs/<etag>, refs/<revision>, snapshots/<commit>/<file> -> ../../blobs/<etag>}`.
 */

import { fileError, isFile, systemCode, temporaryName, writeText } from "../files/index.js";
import { link, mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";

import { InputError } from "../errors.js";
import { readShardIndex } from "./shard-index.js";
import { weightFormats } from "./model-files.js";

const commitPattern = /^[0-9a-f]{40}$/;

/** The folders of one model in the cache. */
export class ModelCache {
  readonly blobs: string;
  private readonly root: string;

  constructor(cacheDir: string, id: string) {
    this.root = join(cacheDir, `models--${id.replaceAll("/", "--")}`);
    this.blobs = join(this.root, "blobs");
  }

  snapshot(commit: string): string {
    return join(this.root, "snapshots", commit);
  }

  /** The snapshot of a revision, as far as this cache knows it, if it has all that a model needs. */
  async complete(revision: string): Promise<string | undefined> {
    const commit = commitPattern.test(revision) ? revision : await this.recordedCommit(revision);
    if (commit === undefined || !commitPattern.test(commit)) return undefined;
    const folder = this.snapshot(commit);
    return (await isComplete(folder)) ? folder : undefined;
  }

  /** Records that `revision` is `commit` now. */
  async record(revision: string, commit: string): Promise<void> {
    if (revision !== commit) await writeText(join(this.root, "refs", revision), commit);
  }

  /** Makes `file` of a snapshot point to a blob, replacing an existing file. */
  async link(commit: string, file: string, etag: string): Promise<void> {
    const folder = this.snapshot(commit);
    const unfinished = join(folder, temporaryName(file));
    try {
      await mkdir(folder, { recursive: true });
      await symlink(join("..", "..", "blobs", etag), unfinished).catch((error: unknown) => {
        // Windows lets only developers and administrators make symbolic links.
        if (systemCode(error) !== "EPERM") throw error;
        return link(join(this.blobs, etag), unfinished);
      });
      await rename(unfinished, join(folder, file));
    } catch (error) {
      await rm(unfinished, { force: true });
      throw fileError(folder, error, { action: "write" });
    }
  }

  private async recordedCommit(revision: string): Promise<string | undefined> {
    const text = await readFile(join(this.root, "refs", revision), "utf8").catch(() => undefined);
    return text?.trim();
  }
}

/** A snapshot that a model can be loaded from: its configuration and one whole set of weights. */
async function isComplete(folder: string): Promise<boolean> {
  if (!(await isFile(join(folder, "config.json")))) return false;
  for (const { file, index } of weightFormats) {
    if (await isFile(join(folder, file))) return true;
    if (await hasAllShards(folder, index)) return true;
  }
  return false;
}

async function hasAllShards(folder: string, index: string): Promise<boolean> {
  if (!(await isFile(join(folder, index)))) return false;
  try {
    for (const shard of (await readShardIndex(join(folder, index))).keys()) {
      if (!(await isFile(join(folder, shard)))) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}
