/** Mutations of pickles by opcodes: with their arguments left out, repeated, moved, nested and exchanged. */
import type { Random } from "../src/random/index.js";
import { edgeInteger, type Field, mutateBytes, pick, readField } from "./mutations.js";

/** Bytes of the arguments of opcodes with a fixed length. Of CPython's `pickletools`. */
const fixed: Readonly<Record<string, number>> = {
  "\x80": 1,
  K: 1,
  M: 2,
  J: 4,
  G: 8,
  q: 1,
  r: 4,
  h: 1,
  j: 4,
  "\x95": 8,
};
/** Bytes of the length of an argument. */
const counted: Readonly<Record<string, Field["size"]>> = {
  "\x8c": 1,
  X: 4,
  "\x8d": 8,
  C: 1,
  B: 4,
  "\x8e": 8,
  "\x96": 8,
  "\x8a": 1,
};
/** Lines of an argument. */
const lines: Readonly<Record<string, number>> = { c: 2, I: 1, L: 1 };

/** The opcodes of a pickle with their arguments, until one that is not complete. */
export function opcodesOf(pickle: Uint8Array): Uint8Array[] {
  const opcodes: Uint8Array[] = [];
  for (let from = 0; from < pickle.length;) {
    const name = String.fromCharCode(pickle[from]!);
    let to = from + 1 + (fixed[name] ?? 0);
    const width = counted[name];
    if (width !== undefined) {
      const length = readField(pickle, { offset: from + 1, size: width });
      to = Number(BigInt(to + width) + length);
    }
    for (let line = 0; line < (lines[name] ?? 0); line++) to = pickle.indexOf(0x0a, to) + 1 || pickle.length;
    opcodes.push(pickle.subarray(from, to));
    from = to;
  }
  return opcodes;
}

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");

function int32(random: Random): Uint8Array {
  const bytes = Buffer.alloc(5, "J", "latin1");
  bytes.writeUInt32LE(Number(BigInt.asUintN(32, edgeInteger(random))), 1);
  return bytes;
}

/** Opcodes that state dicts have, and some that only other pickles have. */
const opcodes: readonly string[] = [
  ..."(.012NQRabdelostu]})\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98",
  ...[
    "K\x00",
    "K\xff",
    "M\xff\xff",
    "X\x00\x00\x00\x00",
    "X\xff\xff\xff\xff",
    "X\x01\x00\x00\x00a",
    "\x8c\x01a",
    "h\x00",
  ],
  ...[
    "h\x01",
    "q\x00",
    "j\xff\xff\xff\x7f",
    "r\xff\xff\xff\x7f",
    "I01\n",
    "I7\n",
    "L5L\n",
    "\x80\x02",
    "\x80\x06",
    "F1.5\n",
  ],
  ...["\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "\x8a\xff", "G\x7f\xf0\x00\x00\x00\x00\x00\x00", "B\xff\xff\xff\x7f"],
  ...["ctorch._utils\n_rebuild_tensor_v2\n", "ctorch._utils\n_rebuild_parameter\n", "ccollections\nOrderedDict\n"],
  ...[
    "ctorch\nFloatStorage\n",
    "ctorch\nfloat32\n",
    "cos\nsystem\n",
    "c\n\n",
    "c__builtin__\nset\n",
    "\x95\x00\x00\x00\x00\x00\x00\x00\x00",
  ],
];

/** Nested containers, a list or dict that holds itself, keys that are containers. */
function structure(random: Random): string {
  const depth = pick(random, [2, 100, 10_000]);
  return pick(random, [
    () => `${"]".repeat(depth)}${"a".repeat(depth - 1)}`,
    () => `${"(".repeat(depth)}${"t".repeat(depth)}`,
    () => `N${"\x85".repeat(depth)}`,
    () => `${"}X\x01\x00\x00\x00a".repeat(depth)}N${"s".repeat(depth)}`,
    () => "]q\x60h\x60a",
    () => "}q\x60X\x01\x00\x00\x00ah\x60s",
    () => "}]Ns",
    () => `]${"2".repeat(depth)}${"a".repeat(depth)}`,
    () => `N${"q\x61h\x61\x86".repeat(Math.min(depth, 100))}`,
  ])();
}

export function mutatePickle(random: Random, pickle: Uint8Array): Uint8Array {
  const list = opcodesOf(pickle);
  if (list.length === 0) return mutateBytes(random, pickle);
  const place = random.below(list.length);
  const one = list[place]!;
  const put = (removed: number, ...inserted: readonly Uint8Array[]) =>
    Buffer.concat([...list.slice(0, place), ...inserted, ...list.slice(place + removed)]);
  return pick(random, [
    () => put(1),
    () => put(1, one, one),
    () => put(0, pick(random, list)),
    () => put(1, pick(random, list)),
    () => put(0, latin1(pick(random, opcodes))),
    () => put(1, latin1(pick(random, opcodes))),
    () => put(1, latin1(structure(random))),
    () => put(0, latin1(structure(random)), latin1("0")),
    () => put(1, int32(random)),
    () => put(0, ...new Array<Uint8Array>(pick(random, [2, 100, 5000])).fill(one)),
    // A range of opcodes again: whole entries of a dict, tensors on a storage of another.
    () => put(0, ...list.slice(random.below(list.length)).slice(0, 1 + random.below(40))),
    () => put(1, mutateBytes(random, one)),
  ])();
}
