/**
 * The byte-level alphabet of GPT-2 and RoBERTa, and the split of a text into words.
 * Written as a scan, not as the published pattern: JavaScript's `\s` has U+FEFF and lacks U+0085, unlike Unicode's
 * White_Space, and a pattern over a long run of one class would need stack in proportion to it.
 */

/** The character that stands for each byte in vocabularies: printable ones for themselves, the rest from U+0100 on. */
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
