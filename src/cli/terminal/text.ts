/** Text in a terminal: control characters escaped, width and line breaks counted in cells, not in code units. */

/**
 * Escapes control characters and marks that reorder text: a file's name or a text must not be able to control the
 * terminal that shows it.
 */
export function escapeControlChars(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, escape);
}

/** `JSON.stringify`, which also escapes the control characters above U+007E. */
function escapedJson(value: unknown): string | undefined {
  // Undefined for undefined and functions, which the type does not say.
  const json = JSON.stringify(value) as string | undefined;
  return json?.replace(/[\u007f-\u009f\u2028\u2029]/g, escape);
}

/**
 * The text of `JSON.stringify(document)` in pieces, with the control characters above U+007E escaped: no piece is larger than one entry of a
 * list of values. Async iterables become arrays, whose entries are requested one at a time.
 */
export async function* jsonPieces(document: unknown): AsyncGenerator<string, void> {
  if (isAsyncIterable(document)) {
    let separator = "[";
    for await (const entry of document) {
      yield separator + (escapedJson(entry) ?? "null");
      separator = ",";
    }
    yield separator === "[" ? "[]" : "]";
  } else if (Array.isArray(document) && document.some((entry) => typeof entry === "object")) {
    for (const [i, entry] of document.entries()) {
      yield i === 0 ? "[" : ",";
      if (entry === undefined) yield "null";
      else yield* jsonPieces(entry);
    }
    yield "]";
  } else if (isPlainObject(document)) {
    let separator = "{";
    for (const [key, value] of Object.entries(document)) {
      if (value === undefined) continue;
      yield `${separator}${escapedJson(key)}:`;
      yield* jsonPieces(value);
      separator = ",";
    }
    yield separator === "{" ? "{}" : "}";
  } else yield escapedJson(document) ?? "null";
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value;

const isPlainObject = (value: unknown): value is object =>
  typeof value === "object" &&
  value !== null &&
  !("toJSON" in value) &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);

const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** East Asian Wide and Fullwidth blocks; emoji are found by their own property. */
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]/u;
const emoji = /^\p{Emoji_Presentation}|\ufe0f/u;
const zeroWidth = /^[\p{M}\p{Cf}]+$/u;

/** User-perceived characters: a letter with its combining marks, an emoji with its modifiers. */
function graphemes(text: string): string[] {
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}

function graphemeWidth(grapheme: string): number {
  if (zeroWidth.test(grapheme)) return 0;
  return wide.test(grapheme) || emoji.test(grapheme) ? 2 : 1;
}

/** The number of cells that a text without control characters takes in a terminal. */
export function displayWidth(text: string): number {
  return /^[\x20-\x7e]*$/.test(text) ? text.length : graphemes(text).reduce((sum, one) => sum + graphemeWidth(one), 0);
}

/**
 * Breaks a text into lines of at most `width` cells: after spaces if it has any, else between characters.
 * @returns at least one line
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/(?<=\s)(?=\S)/)) {
    if (displayWidth(line + word.trimEnd()) <= width) {
      line += word;
      continue;
    }
    if (line !== "") lines.push(line.trimEnd());
    const pieces = cut(word, width);
    lines.push(...pieces.slice(0, -1));
    line = pieces.at(-1) ?? "";
  }
  return [...lines, line.trimEnd()];
}

function cut(word: string, width: number): string[] {
  const pieces = [""];
  let used = 0;
  for (const grapheme of graphemes(word)) {
    const cells = graphemeWidth(grapheme);
    const blank = grapheme.trim() === "";
    if (used + cells > width && used > 0 && !blank) {
      pieces.push("");
      used = 0;
    }
    pieces[pieces.length - 1] += grapheme;
    used += cells;
  }
  return pieces;
}
