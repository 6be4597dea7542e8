/** JSON of strangers: what `JSON.parse` takes silently (repeated keys) or builds without limit (nesting, keys) is refused. */

/** Bounds that a document has to keep. */
export interface JsonLimits {
  /** Objects and arrays inside each other; 1 for a flat object. */
  readonly depth: number;
  /** Keys of all objects together. */
  readonly keys: number;
}

/** What is wrong with a document, worded to follow «found». */
export class JsonProblem extends Error {
  override readonly name = "JsonProblem";
}

/**
 * The value of a UTF-8 JSON document.
 * @throws JsonProblem for bytes that are not UTF-8, broken JSON, a repeated key, or more than `limits` allow.
 */
export function parseStrictJson(bytes: Uint8Array, limits: JsonLimits): unknown {
  const text = decodeUtf8(bytes);
  checkStructure(text, limits);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new JsonProblem("text that is not JSON");
  }
}

/** The value as a plain object's entries, `__proto__` among them; undefined for anything else. */
export function objectEntries(value: unknown): [string, unknown][] | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.entries(value);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JsonProblem("bytes that are not UTF-8 text");
  }
}

/** One pass over the text before anything is built from it. Broken syntax may pass here: `JSON.parse` comes after. */
function checkStructure(text: string, limits: JsonLimits): void {
  const open: (Set<string> | "array")[] = [];
  let keys = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "{" || c === "[") {
      if (open.push(c === "{" ? new Set() : "array") > limits.depth) {
        throw new JsonProblem(`JSON nested more than ${limits.depth} deep`);
      }
    } else if (c === "}" || c === "]") {
      open.pop();
    } else if (c === '"') {
      const end = stringEnd(text, i);
      const innermost = open.at(-1);
      if (innermost instanceof Set && followedByColon(text, end)) {
        const key = unescapeKey(text.slice(i, end));
        if (innermost.has(key)) throw new JsonProblem(`the key ${JSON.stringify(key.slice(0, 200))} twice`);
        if (++keys > limits.keys) throw new JsonProblem(`more than ${limits.keys} keys`);
        innermost.add(key);
      }
      i = end - 1;
    }
  }
}

/** The position after the closing quote of the string that opens at `start`. */
function stringEnd(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i + 1;
  }
  throw new JsonProblem("text that is not JSON");
}

function followedByColon(text: string, position: number): boolean {
  let i = position;
  while (text[i] === " " || text[i] === "\n" || text[i] === "\r" || text[i] === "\t") i++;
  return text[i] === ":";
}

function unescapeKey(quoted: string): string {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    throw new JsonProblem("text that is not JSON");
  }
}
