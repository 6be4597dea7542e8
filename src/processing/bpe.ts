/** Byte-pair encoding: the parts of a word are joined pair by pair, the pair that was learned first before all others. */
import { byteAlphabet } from "./byte-level.js";
import type { MergeTable } from "./merge-table.js";

export interface BpeModel {
  readonly vocab: ReadonlyMap<string, number>;
  /** The learned pairs of ids and what they become; their place in the table is their rank. */
  readonly merges: MergeTable;
  /** Takes the place of a byte that the vocabulary lacks; without one, such bytes are dropped. */
  readonly unkId: number | undefined;
  /** Whether neighbouring unknown bytes become one token. */
  readonly fuseUnk: boolean;
}

const maxCachedWords = 10_000;
const maxCachedLength = 128;
// Room for a position in a word beside a rank in one exact number.
const positions = 2 ** 27;

/** Words to ids. Remembers short words that it has seen; a word of n bytes costs n·log n. */
export class Bpe {
  private readonly byteIds: readonly (number | undefined)[];
  private readonly cache = new Map<string, readonly number[]>();
  private readonly encoder = new TextEncoder();

  constructor(private readonly model: BpeModel) {
    this.byteIds = byteAlphabet().map((character) => model.vocab.get(character));
  }

  /** The ids of one word, as `splitWords` gives it. */
  encode(word: string): readonly number[] {
    const known = this.cache.get(word);
    if (known !== undefined) return known;
    const ids = this.join(this.symbols(word));
    if (word.length <= maxCachedLength && this.cache.size < maxCachedWords) this.cache.set(word, ids);
    return ids;
  }

  private symbols(word: string): number[] {
    const { unkId, fuseUnk } = this.model;
    const ids: number[] = [];
    let afterUnknown = false;
    for (const byte of this.encoder.encode(word)) {
      const id = this.byteIds[byte];
      if (id !== undefined) ids.push(id);
      else if (unkId !== undefined && !(fuseUnk && afterUnknown)) ids.push(unkId);
      afterUnknown = id === undefined;
    }
    return ids;
  }

  /** Joins the pair of lowest rank, leftmost first, until none is left: a linked list and a queue of candidate pairs. */
  private join(ids: number[]): number[] {
    const gone = -1;
    const next = Int32Array.from(ids, (_, i) => (i + 1 < ids.length ? i + 1 : gone));
    const previous = Int32Array.from(ids, (_, i) => i - 1);
    const queue = new SmallestFirst();
    const consider = (position: number): void => {
      const rank = this.rankAt(ids, position, next[position]!);
      if (rank !== undefined) queue.push(rank * positions + position);
    };
    for (let i = 0; i + 1 < ids.length; i++) consider(i);
    for (let top = queue.pop(); top !== undefined; top = queue.pop()) {
      const position = top % positions;
      const right = next[position]!;
      // Queued before a neighbour changed: the pair is no longer there, or is now another one.
      if (ids[position] === gone || right === gone) continue;
      if (this.rankAt(ids, position, right) !== Math.floor(top / positions)) continue;
      ids[position] = this.model.merges.resultOf(Math.floor(top / positions));
      ids[right] = gone;
      const after = (next[position] = next[right]!);
      if (after !== gone) {
        previous[after] = position;
        consider(position);
      }
      if (previous[position]! >= 0) consider(previous[position]!);
    }
    return ids.filter((id) => id !== gone);
  }

  private rankAt(ids: readonly number[], left: number, right: number): number | undefined {
    return right < 0 ? undefined : this.model.merges.rankOf(ids[left]!, ids[right]!);
  }
}

/** A binary heap of numbers. */
class SmallestFirst {
  private readonly heap: number[] = [];

  push(value: number): void {
    let at = this.heap.push(value) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.heap[parent]! <= value) break;
      this.heap[at] = this.heap[parent]!;
      at = parent;
    }
    this.heap[at] = value;
  }

  pop(): number | undefined {
    const smallest = this.heap[0];
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return smallest;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.heap.length) break;
      if (child + 1 < this.heap.length && this.heap[child + 1]! < this.heap[child]!) child++;
      if (this.heap[child]! >= last) break;
      this.heap[at] = this.heap[child]!;
      at = child;
    }
    this.heap[at] = last;
    return smallest;
  }
}
