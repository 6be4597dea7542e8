/**
 * What training never shows, so that test splits can. Decided by CRC-32 of the words, whatever the seed: a model trained by one
 * program is tested fairly by another.
 */
import { crc32 } from "node:zlib";

/** One pair of nouns in ten is never together in a training scene. */
export function holdsPairOut(one: string, other: string): boolean {
  return crc32([one, other].sort(byCodeUnits).join("|")) % 10 === 0;
}

/** One background in twelve is never behind a noun in training. @param background its key, such as `red` or `blue striped` */
export function holdsBackgroundOut(noun: string, background: string): boolean {
  return crc32(`${noun}@${background}`) % 12 === 0;
}

/** One synonym in four stands in captions of single things only. */
export function holdsSynonymOut(synonym: string): boolean {
  return crc32(`syn:${synonym}`) % 4 === 0;
}

/** One image of a noun: the emoji of one set. */
export interface Drawing {
  readonly set: string;
  readonly codePoint: string;
  readonly noun: number;
}

/** Sets that show the same drawings: both go or both stay. */
const families: Readonly<Record<string, string>> = { "fluent-emoji-flat": "fluent", "fluent-3d": "fluent" };

const familyOf = (set: string) => families[set] ?? set;

/**
 * Which drawings of the training sets are never shown in training: 8 in 100 of (family of sets, code point), as far as two other families
 * still show the noun.
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
