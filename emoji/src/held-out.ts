/**
 * What training never shows and test splits do. It is chosen by CRC-32 of the words, independently of the seed, so that other programs hold
 * out the same.
 */
import { crc32 } from "node:zlib";

/** One pair of nouns in ten never occurs in a training scene. */
export function holdsPairOut(one: string, other: string): boolean {
  return crc32([one, other].sort(byCodeUnits).join("|")) % 10 === 0;
}

/** One background in twelve is never behind a noun in training. @param background its key, such as `red` or `blue striped` */
export function holdsBackgroundOut(noun: string, background: string): boolean {
  return crc32(`${noun}@${background}`) % 12 === 0;
}

/** One synonym in four occurs only in captions of single things. */
export function holdsSynonymOut(synonym: string): boolean {
  return crc32(`syn:${synonym}`) % 4 === 0;
}

/** One image of a noun: the emoji of one set. */
export interface Drawing {
  readonly set: string;
  readonly codePoint: string;
  readonly noun: number;
}

/** Sets with the same drawings: they are held out together. */
const families: Readonly<Record<string, string>> = { "fluent-emoji-flat": "fluent", "fluent-3d": "fluent" };

const familyOf = (set: string) => families[set] ?? set;

/**
 * Drawings of the training sets that are never shown in training: 8 in 100 of (family of sets, code point), if two other families still
 * show the noun.
 */
export function heldOutDrawings<T extends Drawing>(drawings: readonly T[]): Set<T> {
  const held = new Set<T>();
  for (const ofNoun of grouped(drawings, ({ noun }) => noun).values()) {
    const byKey = grouped(ofNoun, ({ set, codePoint }) => `${familyOf(set)}:${codePoint}`);
    for (const key of [...byKey.keys()].sort(byFamilyThenCode)) {
      const same = byKey.get(key)!;
      if (crc32(key) % 100 >= 8) continue;
      const rest = ofNoun.filter((drawing) => !held.has(drawing) && !same.includes(drawing));
      if (new Set(rest.map(({ set }) => familyOf(set))).size >= 2) for (const drawing of same) held.add(drawing);
    }
  }
  return held;
}

function grouped<T, K>(list: readonly T[], keyOf: (entry: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const entry of list) {
    const key = keyOf(entry);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return groups;
}

/** "noto" comes before "noto-v1", which the bare strings would put after "noto:". */
function byFamilyThenCode(one: string, other: string): number {
  return byCodeUnits(one.replace(":", "\0"), other.replace(":", "\0"));
}

function byCodeUnits(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
