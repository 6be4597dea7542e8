/** The hub's description of a model: its commit and files. */

import { z } from "zod";

import { HubFailure } from "./hub-failures.js";
import type { HubClient } from "./hub-http.js";

const maxAnswer = 32 * 2 ** 20;
const size = z.number().int().nonnegative();
const modelInfo = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: size.nullish(),
      blobId: z.string().nullish(),
      lfs: z.object({ sha256: z.string().nullish(), size: size.nullish() }).nullish(),
    }),
  ),
});

export interface ListedFile {
  /** Bytes; undefined if the list has none. */
  readonly size: number | undefined;
  /** SHA-256 of a large file, git's SHA-1 of a small one. */
  readonly hash: string | undefined;
}

export interface Listing {
  readonly commit: string;
  readonly files: ReadonlyMap<string, ListedFile>;
}

/**
 * Asks for the files of a revision.
 * @param withHashes whether sizes and hashes are asked for too, which takes the hub longer
 */
export async function listFiles(
  hub: HubClient,
  revision: string,
  { withHashes = false, timeoutMs }: { withHashes?: boolean; timeoutMs?: number } = {},
): Promise<Listing> {
  const url = hub.url("api", "models", ...hub.id.split("/"), "revision", revision);
  if (withHashes) url.searchParams.set("blobs", "true");
  const response = await hub.request(url, { method: "GET" }, timeoutMs);
  const info = modelInfo.safeParse(await readAnswer(hub, response));
  if (info.success) {
    const files = info.data.siblings.map((sibling): [string, ListedFile] => [sibling.rfilename, listed(sibling)]);
    return { commit: info.data.sha, files: new Map(files) };
  }
  throw new HubFailure({
    code: "hub-unreachable",
    expected: "the hub's description of a model, with commit and files",
    found: "another answer",
    hint: "Check HF_ENDPOINT, and whether this network asks to sign in",
  });
}

function listed({ size, blobId, lfs }: z.infer<typeof modelInfo>["siblings"][number]): ListedFile {
  const sha256 = /^[0-9a-f]{64}$/.exec(lfs?.sha256 ?? "")?.[0];
  // The blob of a large file is its pointer.
  const gitSha1 = lfs == null ? /^[0-9a-f]{40}$/.exec(blobId ?? "")?.[0] : undefined;
  return { size: lfs?.size ?? size ?? undefined, hash: sha256 ?? gitSha1 };
}

/** The JSON of a body of bounded length; undefined for anything else. */
async function readAnswer(hub: HubClient, response: Parameters<HubClient["body"]>[0]): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of hub.body(response, "its answer")) {
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
