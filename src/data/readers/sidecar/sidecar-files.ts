/** Which files of a folder are images with their texts beside them: `a.jpg` with `a.txt`, `a.caption` or `a.json`. */

import { readdir, realpath, stat } from "node:fs/promises";
import { extname, join } from "node:path";

import { fileError } from "../../../files/index.js";
import { isImageName, undecodedEndings } from "../../../processing/index.js";

/** Endings of files with the texts of an image. */
export const sidecarEndings = ["txt", "caption", "json"] as const;

export type SidecarEnding = (typeof sidecarEndings)[number];

/** An image and the files of its texts. */
export interface Sidecar {
  /** Path of the image, relative to the folder. */
  readonly image: string;
  /** Paths of the texts by ending, relative to the folder. */
  readonly texts: Readonly<Partial<Record<SidecarEnding, string>>>;
}

export interface FolderFiles {
  readonly sidecars: readonly Sidecar[];
  /** Text files that belong to no image, relative to the folder. */
  readonly others: readonly string[];
}

/** The images below a folder. */
export interface FoundSidecars extends FolderFiles {
  /** Images in formats that cannot be decoded. */
  readonly undecoded: readonly string[];
}

/** Names that systems and tools write beside the data, such as `._a.jpg` of macOS and `~$a.xlsx` of Excel. */
export const isOfSystem = (name: string): boolean => /^(?:\.|~\$|__MACOSX$|(?:Thumbs\.db|desktop\.ini)$)/i.test(name);

/** Whether one of these names of a folder is an image with its texts beside it. */
export const hasSidecars = (names: readonly string[]): boolean =>
  sidecarsOf(names).sidecars.some(({ texts }) => Object.keys(texts).length > 0);

/** The images among the names of one folder, each with its texts. Of `a.jpg` and `a.png`, both have the texts of `a.txt`. */
export function sidecarsOf(names: readonly string[]): FolderFiles {
  const texts = new Map<string, Partial<Record<SidecarEnding, string>>>();
  for (const name of names) {
    const ending = sidecarEndings.find((one) => extname(name).toLowerCase() === `.${one}`);
    if (ending === undefined) continue;
    const stem = stemOf(name);
    const known = texts.get(stem);
    if (known === undefined) texts.set(stem, { [ending]: name });
    else known[ending] = name;
  }
  const used = new Set<string>();
  const sidecars = names.filter(isImageName).map((image): Sidecar => {
    const stem = [stemOf(image), image].find((one) => texts.has(one));
    if (stem === undefined) return { image, texts: {} };
    used.add(stem);
    return { image, texts: texts.get(stem)! };
  });
  const others = [...texts].filter(([stem]) => !used.has(stem)).flatMap(([, files]) => Object.values(files));
  return { sidecars, others };
}

const stemOf = (name: string): string => name.slice(0, name.length - extname(name).length);

/**
 * All images below a folder, in the order of their names and numbers. Symbolic links are followed, each folder once.
 * @throws InputError if a folder cannot be read; the signal's reason when it is aborted
 */
export async function findSidecars(folder: string, signal?: AbortSignal): Promise<FoundSidecars> {
  const [sidecars, others, undecoded]: [Sidecar[], string[], string[]] = [[], [], []];
  const seen = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    signal?.throwIfAborted();
    const at = join(folder, path);
    const real = await realpath(at).catch(() => at);
    if (seen.has(real)) return;
    seen.add(real);
    const { files, folders } = await entriesOf(at);
    const found = sidecarsOf(files);
    const inside = (name: string) => join(path, name);
    for (const { image, texts } of found.sidecars) {
      const named = Object.entries(texts).map(([ending, name]) => [ending, inside(name)]);
      sidecars.push({ image: inside(image), texts: Object.fromEntries(named) as Sidecar["texts"] });
    }
    for (const name of found.others) others.push(inside(name));
    const isUndecoded = (name: string) => undecodedEndings.includes(extname(name).slice(1).toLowerCase());
    for (const name of files.filter(isUndecoded)) undecoded.push(inside(name));
    for (const name of folders) await visit(inside(name));
  };
  await visit("");
  return { sidecars, others, undecoded };
}

/** Files and folders in the order of their names and numbers, without those of systems. */
export async function entriesOf(folder: string): Promise<{ readonly files: string[]; readonly folders: string[] }> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(folder, error);
  });
  const [files, folders]: [string[], string[]] = [[], []];
  for (const entry of entries) {
    if (isOfSystem(entry.name)) continue;
    const isFolder =
      entry.isDirectory() ||
      (entry.isSymbolicLink() &&
        (await stat(join(folder, entry.name)).then(
          (stats) => stats.isDirectory(),
          () => false,
        )));
    (isFolder ? folders : files).push(entry.name);
  }
  return { files: files.sort(byNumber), folders: folders.sort(byNumber) };
}

const collator = new Intl.Collator("en", { numeric: true });

/** Compares names, numbers in them by value. */
export const byNumber = (a: string, b: string): number => collator.compare(a, b);
