/** What bytes that are not UTF-8 probably are, for errors. */

/** What is wrong with a text, in words that follow «found», and where. */
export interface EncodingProblem {
  readonly found: string;
  /** Of the first wrong byte. */
  readonly offset: number;
}

export const encodingHint = 'Save the file as UTF-8 (in Excel: "CSV UTF-8")';

/**
 * Text in UTF-16, by its byte order mark or by zeros at every other byte. Without a mark it is valid UTF-8, with a zero after each letter.
 * @param head the first bytes of the file
 */
export function utf16Problem(head: Uint8Array): EncodingProblem | undefined {
  const [a, b, c, d] = head;
  const isMarked = (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff);
  const isZero = (byte: number | undefined) => byte === 0;
  const isText = (byte: number | undefined) => byte !== undefined && byte !== 0 && byte < 0x80;
  const isPlain =
    (isText(a) && isZero(b) && isText(c) && isZero(d)) || (isZero(a) && isText(b) && isZero(c) && isText(d));
  return isMarked || isPlain ? { found: "text in UTF-16", offset: 0 } : undefined;
}

/** The first bytes that are not UTF-8; undefined if all are. */
export function utf8Problem(bytes: Uint8Array): EncodingProblem | undefined {
  const utf16 = utf16Problem(bytes);
  if (utf16 !== undefined) return utf16;
  if (isUtf8(bytes, false)) return undefined;
  // The longest prefix that may still become UTF-8, then the longest that is.
  let [low, high] = [0, bytes.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (isUtf8(bytes.subarray(0, middle), true)) low = middle;
    else high = middle - 1;
  }
  let offset = low;
  while (offset > 0 && !isUtf8(bytes.subarray(0, offset), false)) offset--;
  return { found: describeByte(bytes[offset]!), offset };
}

function isUtf8(bytes: Uint8Array, mayContinue: boolean): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: mayContinue });
    return true;
  } catch {
    return false;
  }
}

function describeByte(byte: number): string {
  const letter = new TextDecoder("windows-1252").decode(Uint8Array.of(byte));
  const meaning = /\p{L}|\p{P}|\p{S}/u.test(letter) ? ` (${JSON.stringify(letter)} in Windows-1252)` : "";
  return `the byte 0x${byte.toString(16).toUpperCase()}${meaning}`;
}
