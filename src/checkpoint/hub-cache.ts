/**
 * The cache that Python's huggingface_hub uses too, so that weights are stored once:
 * `models--{org}--{name}/{blobs/<etag>, refs/<revision>, snapshots/<commit>/<file> -> ../../blobs/<etag>}`, and an empty
 * `.no_exist/<commit>/<file>` for each file that the commit is known not to have.
 */

import {
  copyAtomically,
  fileError,
  isFile,
  isSystemFailure,
  makeFolder,
  temporaryName,
  writeText,
} from "../files/index.js";
import { link, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { InputError } from "../errors.js";
import { readShardIndex } from "./shard-index.js";
import { smallFiles, weightFormats } from "./model-files.js";

const commitPattern = /^[0-9a-f]{40}$/;

export const cacheHint = "Set HF_HUB_CACHE to a folder that this user may write";

/** As `makeFolder`, with an error that names the variable of the cache. */
export async function makeCacheFolder(path: string): Promise<void> {
  await makeFolder(path).catch((error: unknown) => {
    if (!(error instanceof InputError)) throw error;
    throw new InputError({ ...error.toJSON(), hint: cacheHint }, { cause: error });
  });
}

/** A snapshot with config and weights. */
export interface CachedSnapshot {
  readonly folder: string;
  readonly commit: string;
  /** Whether it has every other file of the commit that this package reads. */
  readonly isComplete: boolean;
}

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

  /** The snapshot of a revision, as far as this cache knows it, if a model can be loaded from it. */
  async find(revision: string): Promise<CachedSnapshot | undefined> {
    const commit = commitPattern.test(revision) ? revision : await this.recordedCommit(revision);
    if (commit === undefined || !commitPattern.test(commit)) return undefined;
    const folder = this.snapshot(commit);
    if (!(await isFile(join(folder, "config.json"))) || !(await hasWeights(folder))) return undefined;
    return { folder, commit, isComplete: await this.isComplete(commit) };
  }

  private async isComplete(commit: string): Promise<boolean> {
    for (const file of smallFiles) {
      const isKnown = (await isFile(join(this.snapshot(commit), file))) || (await isFile(this.marker(commit, file)));
      if (!isKnown) return false;
    }
    return true;
  }

  private marker(commit: string, file: string): string {
    return join(this.root, ".no_exist", commit, file);
  }

  /**
   * Records that `revision` is `commit` now, and which files the commit does not have. A cache that cannot be written stays as it is: it
   * has the snapshot, and only knows less about it.
   */
  async record(revision: string, commit: string, missing: readonly string[]): Promise<void> {
    try {
      if (revision !== commit && (await this.recordedCommit(revision)) !== commit) {
        await writeText(join(this.root, "refs", revision), commit);
      }
      for (const file of missing) {
        const marker = this.marker(commit, file);
        if (await isFile(marker)) continue;
        await makeFolder(join(marker, ".."));
        await writeFile(marker, "");
      }
    } catch (error) {
      if (!(fileError(this.root, error, { action: "write" }) instanceof InputError)) throw error;
    }
  }

  /** Makes `file` of a snapshot point to a blob, replacing an existing file. A disk without links gets a copy. */
  async link(commit: string, file: string, blob: string): Promise<void> {
    const folder = this.snapshot(commit);
    const source = join(this.blobs, blob);
    const unfinished = join(folder, temporaryName(file));
    try {
      await makeCacheFolder(folder);
      // Windows lets only developers and administrators make symbolic links.
      await symlink(join("..", "..", "blobs", blob), unfinished)
        .catch(() => link(source, unfinished))
        .catch(() => copyAtomically(source, unfinished));
      await rename(unfinished, join(folder, file));
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      throw fileError(folder, error, { action: "write", hint: cacheHint });
    }
  }

  private async recordedCommit(revision: string): Promise<string | undefined> {
    const text = await readFile(join(this.root, "refs", revision), "utf8").catch(() => undefined);
    return text?.trim();
  }
}

/** Whether the weights that `openCheckpoint` chooses in a snapshot are whole. */
export async function hasWeights(folder: string): Promise<boolean> {
  for (const { file, index } of weightFormats) {
    if (await isFile(join(folder, file))) return true;
    if (await isFile(join(folder, index))) return hasAllShards(folder, index);
  }
  return false;
}

async function hasAllShards(folder: string, index: string): Promise<boolean> {
  try {
    for (const shard of (await readShardIndex(join(folder, index))).keys()) {
      if (!(await isFile(join(folder, shard)))) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof InputError && !isSystemFailure(error)) return false;
    throw error;
  }
}
