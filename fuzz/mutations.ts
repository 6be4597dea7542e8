/** Mutations of bytes that know nothing of a format: bits, integers and ranges. */
import type { Random } from "../src/random/index.js";

/** Of a mutated file. Mutations that would make a larger one change nothing. */
export const maxBytes = 2 ** 20;

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[random.below(values.length)]!;
}

/** A whole number, small ones more likely: lengths of ranges. */
export function shortLength(random: Random, limit: number): number {
  return 1 + random.below(Math.max(1, Math.min(limit, 2 ** random.below(11))));
}

const edges = [
  0n,
  1n,
  2n,
  7n,
  8n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
].concat([0x100000000n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]);

/** An integer that parsers tend to handle wrongly, or one near `value`. */
export function edgeInteger(random: Random, value = 0n): bigint {
  if (random.below(3) > 0) return pick(random, edges);
  const change = BigInt(1 + random.below(16));
  return random.below(2) === 0 ? value + change : value - change;
}

/** An integer of a binary format. */
export interface Field {
  readonly offset: number;
  /** Bytes. */
  readonly size: 1 | 2 | 4 | 8;
  readonly endian?: "little" | "big";
}

export function readField(bytes: Uint8Array, { offset, size, endian = "little" }: Field): bigint {
  let value = 0n;
  for (let i = 0; i < size; i++) {
    const at = endian === "little" ? offset + size - 1 - i : offset + i;
    value = (value << 8n) | BigInt(bytes[at] ?? 0);
  }
  return value;
}

/** A copy with another value of the field, modulo its size. */
export function withField(bytes: Uint8Array, { offset, size, endian = "little" }: Field, value: bigint): Uint8Array {
  const changed = Uint8Array.from(bytes);
  for (let i = 0; i < size; i++) {
    const at = endian === "little" ? offset + i : offset + size - 1 - i;
    if (at < changed.length) changed[at] = Number(BigInt.asUintN(64, value) >> BigInt(8 * i)) & 0xff;
  }
  return changed;
}

/** One of the fields set to an edge, to the length of the file, or to the value of another field. */
export function mutateField(random: Random, bytes: Uint8Array, fields: readonly Field[]): Uint8Array {
  if (fields.length === 0) return mutateBytes(random, bytes);
  const field = pick(random, fields);
  const values = [
    () => edgeInteger(random, readField(bytes, field)),
    () => edgeInteger(random, readField(bytes, field)),
    () => BigInt(random.below(bytes.length + 1)),
    () => edgeInteger(random, BigInt(bytes.length)),
    () => readField(bytes, pick(random, fields)),
  ];
  return withField(bytes, field, pick(random, values)());
}

export function replaceRange(bytes: Uint8Array, from: number, to: number, inserted: Uint8Array): Uint8Array {
  return Buffer.concat([bytes.subarray(0, from), inserted, bytes.subarray(to)]);
}

type ByteMutation = (random: Random, bytes: Uint8Array, samples: readonly Uint8Array[]) => Uint8Array;

function rangeOf(random: Random, bytes: Uint8Array): readonly [from: number, to: number] {
  const from = random.below(bytes.length);
  return [from, Math.min(bytes.length, from + shortLength(random, bytes.length))];
}

function randomBytes(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  random.fillBytes(bytes);
  return bytes;
}

const byteMutations: readonly ByteMutation[] = [
  function flipBit(random, bytes) {
    const changed = Uint8Array.from(bytes);
    changed[random.below(bytes.length)]! ^= 1 << random.below(8);
    return changed;
  },
  function setByte(random, bytes) {
    const changed = Uint8Array.from(bytes);
    changed[random.below(bytes.length)] = random.below(256);
    return changed;
  },
  function setInteger(random, bytes) {
    const field: Field = {
      offset: random.below(bytes.length),
      size: pick(random, [1, 2, 4, 8]),
      endian: pick(random, ["little", "big"]),
    };
    return withField(bytes, field, edgeInteger(random, readField(bytes, field)));
  },
  function fillRange(random, bytes) {
    const changed = Uint8Array.from(bytes);
    return changed.fill(pick(random, [0, 0xff, 0x20, random.below(256)]), ...rangeOf(random, bytes));
  },
  function deleteRange(random, bytes) {
    return replaceRange(bytes, ...rangeOf(random, bytes), new Uint8Array(0));
  },
  function truncate(random, bytes) {
    return bytes.slice(0, random.below(bytes.length));
  },
  function insertBytes(random, bytes) {
    const at = random.below(bytes.length + 1);
    return replaceRange(bytes, at, at, randomBytes(random, shortLength(random, 64)));
  },
  function repeatRange(random, bytes) {
    const [from, to] = rangeOf(random, bytes);
    const times = Math.min(1 + random.below(pick(random, [2, 16, 256])), Math.floor(maxBytes / (to - from)));
    return replaceRange(bytes, to, to, Buffer.concat(new Array<Uint8Array>(times).fill(bytes.subarray(from, to))));
  },
  function copyRange(random, bytes) {
    const [from, to] = rangeOf(random, bytes);
    const changed = Uint8Array.from(bytes);
    changed.set(bytes.subarray(from, to), random.below(bytes.length - (to - from) + 1));
    return changed;
  },
  function splice(random, bytes, samples) {
    const other = pick(random, samples);
    if (other.length === 0) return bytes;
    return replaceRange(bytes, random.below(bytes.length), bytes.length, other.subarray(random.below(other.length)));
  },
];

/** One change of some bytes. `samples` are valid files whose parts may be joined with it. */
export function mutateBytes(random: Random, bytes: Uint8Array, samples: readonly Uint8Array[] = [bytes]): Uint8Array {
  if (bytes.length === 0) return randomBytes(random, shortLength(random, 64));
  const changed = pick(random, byteMutations)(random, bytes, samples);
  return changed.length <= maxBytes ? changed : bytes;
}
