/** Groups texts into runs of the text tower, and runs into groups that fit in memory. */
import { HostTensor } from "../graph/index.js";

/** A text as token ids, and its index in the caller's list. */
export interface Tokens {
  readonly index: number;
  readonly ids: readonly number[];
}

/** A text cut to the limit of the model. */
export interface CutTokens extends Tokens {
  /** The ids beyond the limit. */
  readonly overflowing: readonly number[];
}

/** Texts of equal length together, in runs of at most `maxTexts`: no padding is ever computed. */
export function chunksOfEqualLength(texts: readonly Tokens[], maxTexts: number): Tokens[][] {
  const byLength = new Map<number, Tokens[]>();
  for (const entry of texts) {
    const group = byLength.get(entry.ids.length);
    if (group === undefined) byLength.set(entry.ids.length, [entry]);
    else group.push(entry);
  }
  const chunks: Tokens[][] = [];
  for (const group of byLength.values()) {
    for (let first = 0; first < group.length; first += maxTexts) chunks.push(group.slice(first, first + maxTexts));
  }
  return chunks;
}

/** Bytes of text states that may be kept at a time. */
const residentBytes = 2 ** 28;

/**
 * Chunks whose text states fit in memory together: with more texts than that, the images' towers run once per group.
 * @param bytesPerToken size of the states of one token
 */
export function residentGroups(
  chunks: readonly (readonly Tokens[])[],
  bytesPerToken: number,
  limit = residentBytes,
): (readonly Tokens[])[][] {
  const groups: (readonly Tokens[])[][] = [];
  let room = 0;
  for (const chunk of chunks) {
    const bytes = chunk.length * chunk[0]!.ids.length * bytesPerToken;
    if (groups.length === 0 || bytes > room) {
      groups.push([]);
      room = limit;
    }
    groups.at(-1)!.push(chunk);
    room -= bytes;
  }
  return groups;
}

/** A chunk as `input_ids` and `attention_mask` [texts, tokens]. */
export function batchOf(chunk: readonly Tokens[]): {
  input_ids: HostTensor<"int64">;
  attention_mask: HostTensor<"int64">;
} {
  const shape = [chunk.length, chunk[0]!.ids.length];
  const ids = BigInt64Array.from(
    chunk.flatMap((entry) => entry.ids),
    BigInt,
  );
  return {
    input_ids: new HostTensor("int64", shape, ids),
    attention_mask: new HostTensor("int64", shape, new BigInt64Array(ids.length).fill(1n)),
  };
}
