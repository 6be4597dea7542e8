/** Files that stand in the place of others: Git LFS pointers, and web pages that were saved under the name of a file. */

import { InputError } from "../errors.js";

/** Bytes that `standIn` needs. Pointers of Git LFS are shorter than 1,024 bytes. */
export const standInBytes = 512;

/**
 * What the first bytes of a file say if it is not the file of its name; undefined for all others.
 *
 * @example
 * standIn(new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n"))?.found; // a Git LFS pointer …
 */
export function standIn(head: Uint8Array): { readonly found: string; readonly hint: string } | undefined {
  const text = Buffer.from(head.subarray(0, standInBytes)).toString("latin1");
  if (text.startsWith("version https://git-lfs.github.com/")) {
    const found = "a Git LFS pointer, which only names the file";
    return { found, hint: "Run `git lfs pull` in its folder" };
  }
  if (/^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)\b/i.test(text)) {
    return {
      found: "a web page (HTML)",
      hint: "Download the file itself: this may be a page for signing in or an error",
    };
  }
  return undefined;
}

/** @throws InputError if the first bytes of the file at `where` are those of a stand-in */
export function refuseStandIn(head: Uint8Array, where: string, expected: string): void {
  const problem = standIn(head);
  if (problem !== undefined) throw new InputError({ code: "unsupported-format", where, expected, ...problem });
}
