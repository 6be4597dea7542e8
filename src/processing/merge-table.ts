/**
 * The rank of a pair of ids: a hash table in three typed arrays. A Map would box fifty thousand keys beyond 32 bits, which
 * costs more than all the rest of loading a tokenizer.
 */
export class MergeTable {
  private readonly lefts: Int32Array;
  private readonly rights: Int32Array;
  private readonly results: Int32Array;
  /** Rank plus one by slot; 0 is free. */
  private readonly slots: Int32Array;

  /** A table with room for `count` pairs. */
  constructor(count: number) {
    this.lefts = new Int32Array(count);
    this.rights = new Int32Array(count);
    this.results = new Int32Array(count);
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2(count * 2 + 2)));
  }

  /** Sets the result of a pair at a rank. A pair that occurs twice keeps its later rank, as in the reference. */
  set(rank: number, left: number, right: number, result: number): void {
    this.lefts[rank] = left;
    this.rights[rank] = right;
    this.results[rank] = result;
    this.slots[this.slotOf(left, right)] = rank + 1;
  }

  rankOf(left: number, right: number): number | undefined {
    const entry = this.slots[this.slotOf(left, right)]!;
    return entry === 0 ? undefined : entry - 1;
  }

  resultOf(rank: number): number {
    return this.results[rank]!;
  }

  /** The slot of the pair, or the free slot for it. */
  private slotOf(left: number, right: number): number {
    const mask = this.slots.length - 1;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right + 1, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.slots[slot]!;
      if (entry === 0 || (this.lefts[entry - 1] === left && this.rights[entry - 1] === right)) return slot;
    }
  }
}
