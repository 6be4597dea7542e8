/**
 * The byte-level BPE of GPT-2 and RoBERTa: a text is split into words, and the bytes of a word are merged pair by pair, the
 * pair that was learned first before all others.
 */
import type { MergeTable } from "./merge-table.js";

export interface BpeModel {
  readonly vocab: ReadonlyMap<string, number>;
  /** The learned pairs of ids and the ids that they become, by rank. */
  readonly merges: MergeTable;
  /** Replaces a byte that the vocabulary lacks; if undefined, such bytes are dropped. */
  readonly unkId: number | undefined;
  /** Whether adjacent unknown bytes become one token. */
  readonly fuseUnk: boolean;
}

const maxCachedWords = 10_000;
const maxCachedLength = 128;
// A rank and a position in a word fit together in one exact number.
const positions = 2 ** 27;

/** Words to ids. Short words are cached; a word of n bytes takes n·log n steps. */
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
    const { unkId, fuseUnk } = this.model;
    const bytes: number[] = [];
    let afterUnknown = false;
    for (const byte of this.encoder.encode(word)) {
      const id = this.byteIds[byte];
      if (id !== undefined) bytes.push(id);
      else if (unkId !== undefined && !(fuseUnk && afterUnknown)) bytes.push(unkId);
      afterUnknown = id === undefined;
    }
    const ids = this.merge(bytes);
    if (word.length <= maxCachedLength && this.cache.size < maxCachedWords) this.cache.set(word, ids);
    return ids;
  }

  /** Merges the pair of lowest rank, leftmost first, until none is left: a linked list and a queue of candidate pairs. */
  private merge(ids: number[]): number[] {
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

/** The character for each byte in vocabularies: printable bytes are unchanged, the others are characters from U+0100. */
export function byteAlphabet(): readonly string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(itself ? byte : next++);
  });
}

/** Unicode's White_Space, by UTF-16 code unit. */
export function isWhiteSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  if (code < 0x1680) return code === 0x85 || code === 0xa0;
  if (code >= 0x2000 && code <= 0x200a) return true;
  return [0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000].includes(code);
}

type CharacterClass = "letter" | "number" | "space" | "other";

/**
 * The words of a text, in order and without loss, as GPT-2's pattern splits it:
 * `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
 *
 * A scan, not the pattern: JavaScript's `\s` has U+FEFF and lacks U+0085, unlike Unicode's White_Space, and a pattern over a
 * long run of one class would need stack in proportion to it.
 */
export function* splitWords(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const end = wordEnd(text, start);
    yield text.slice(start, end);
    start = end;
  }
}

function wordEnd(text: string, start: number): number {
  if (text[start] === "'") {
    const contraction = /^'(?:[stmd]|re|ve|ll)/.exec(text.slice(start, start + 3))?.[0];
    if (contraction !== undefined) return start + contraction.length;
  }
  const from = text[start] === " " ? start + 1 : start;
  if (from < text.length) {
    const kind = classAt(text, from);
    if (kind !== "space") return runEnd(text, from, kind);
  }
  const end = runEnd(text, start, "space");
  // The last space before a word belongs to that word, unless it is the only one.
  return end < text.length && end - start > 1 ? end - 1 : end;
}

function runEnd(text: string, start: number, kind: CharacterClass): number {
  let end = start;
  while (end < text.length && classAt(text, end) === kind) end += text.codePointAt(end)! > 0xffff ? 2 : 1;
  return end;
}

const letter = /^\p{L}/u;
const number = /^\p{N}/u;

function classAt(text: string, index: number): CharacterClass {
  const code = text.codePointAt(index)!;
  if (isWhiteSpace(code)) return "space";
  if (code < 0x80) {
    if ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) return "letter";
    return code >= 0x30 && code <= 0x39 ? "number" : "other";
  }
  const character = String.fromCodePoint(code);
  if (letter.test(character)) return "letter";
  return number.test(character) ? "number" : "other";
}
