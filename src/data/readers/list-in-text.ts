/** Lists that were written as text into one cell: as JSON, or as Python prints a list, which is what pandas writes into CSV. */

import { parsePythonJson } from "../../files/index.js";

/**
 * The list in a text.
 * @param numbers whether a list of numbers is one. Otherwise `[1]` is a text
 * @returns undefined if the text is no list; "broken" if it begins as a list of texts and is not a valid one
 *
 * @example
 * listInText('["a cat", "a black cat"]', false); // ["a cat", "a black cat"]
 * listInText("['a cat', \"it's black\"]", false); // ["a cat", "it's black"]
 * listInText("[a cat]", false); // undefined
 */
export function listInText(text: string, numbers: boolean): readonly unknown[] | "broken" | undefined {
  const trimmed = text.trim();
  if (!trimmed.startsWith("[") || !trimmed.endsWith("]")) return undefined;
  const list = jsonList(trimmed);
  if (list !== undefined) return numbers || list.every((item) => typeof item !== "number") ? list : undefined;
  return /^\[\s*['"]/.test(trimmed) ? (pythonList(trimmed) ?? "broken") : undefined;
}

function jsonList(text: string): readonly unknown[] | undefined {
  try {
    const value = parsePythonJson(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\n": "" };

/** A list of texts in the notation of Python; undefined if it is not one. */
function pythonList(text: string): string[] | undefined {
  const items: string[] = [];
  let position = 1;
  const skipBlanks = () => {
    while (position < text.length && /\s/.test(text[position]!)) position++;
  };
  for (;;) {
    skipBlanks();
    const quote = text[position];
    if (quote !== "'" && quote !== '"') return undefined;
    let item = "";
    for (position++; text[position] !== quote; position++) {
      if (position >= text.length) return undefined;
      if (text[position] !== "\\") {
        item += text[position];
        continue;
      }
      const letter = text[++position] ?? "";
      const code = /^(?:x([0-9a-f]{2})|u([0-9a-f]{4}))/i.exec(text.slice(position, position + 5));
      item += code === null ? (escapes[letter] ?? letter) : String.fromCharCode(parseInt(code[1] ?? code[2]!, 16));
      if (code !== null) position += code[0].length - 1;
    }
    items.push(item);
    position++;
    skipBlanks();
    if (text[position] === "]") return position + 1 === text.length ? items : undefined;
    if (text[position++] !== ",") return undefined;
  }
}
