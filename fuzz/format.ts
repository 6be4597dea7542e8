/** A format of files for the fuzzer: valid samples, mutations of its structure, its parser, and a bound on the parser's memory. */
import { Random } from "../src/random/index.js";
import { mutateBytes, pick } from "./mutations.js";

/** Additional memory that a parser may take for one file: `perByte` × bytes of the file + `constant`, in bytes. */
export interface MemoryBound {
  readonly constant: number;
  readonly perByte: number;
}

export interface Format {
  readonly name: string;
  /** Name of the mutated file in the folder that is read. */
  readonly file: string;
  /** Files in the same folder that are not mutated: their names, and the paths of their content. */
  readonly others?: Readonly<Record<string, string>>;
  /** Valid files. */
  readonly samples: () => Promise<readonly Uint8Array[]>;
  /** One change of the format's structure. A quarter of the changes are of bytes instead, at any place. */
  readonly mutate: (random: Random, bytes: Uint8Array, samples: readonly Uint8Array[]) => Uint8Array;
  /** Reads all of the file. Only an InputError may stop it. */
  readonly read: (path: string) => Promise<void>;
  readonly bound: MemoryBound;
}

const mebibyte = 2 ** 20;

/** For parsers whose values are about as large as the file. Most of the constant is for garbage that is not collected yet. */
export const plainBound: MemoryBound = { constant: 96 * mebibyte, perByte: 64 };

export function limitOf({ constant, perByte }: MemoryBound, bytes: number): number {
  return constant + perByte * bytes;
}

/** The file of a case: a sample with one to three changes. It depends on the format, the seed and the index alone. */
export function caseBytes(format: Format, samples: readonly Uint8Array[], seed: number, index: number): Uint8Array {
  const random = new Random(seed, format.name, index);
  let bytes = pick(random, samples);
  for (let changes = pick(random, [1, 1, 1, 2, 3]); changes > 0; changes--) {
    const mutate = random.below(4) > 0 ? format.mutate : mutateBytes;
    bytes = mutate(random, bytes, samples);
  }
  return bytes;
}
