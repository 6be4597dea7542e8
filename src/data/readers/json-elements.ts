/**
 * The elements of one large array of a JSON file, one by one. Node cannot hold strings above 512 MB, and the annotations of Visual
 * Genome are larger. Brackets and strings are tracked byte by byte, and only the wanted elements are parsed.
 */
import { basename } from "node:path";
import { InputError } from "../../errors.js";
import { parsePythonJson, readPieces } from "../../files/index.js";
import { fileSize } from "./open-files.js";

export interface JsonElement {
  /** From 0. */
  readonly index: number;
  readonly value: unknown;
}

/** Called with the number of bytes read. */
export type OnBytes = (done: number, total: number, file: string) => void;

export interface ElementOptions {
  /** The member of the outermost object that is the array. Default: the outermost value is the array. */
  readonly key?: string;
  readonly onBytes?: OnBytes | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the largest element. Default 16 MiB; an image of Visual Genome takes about 10 kB. */
  readonly maxBytes?: number;
  /** Of errors. Default: to fetch the file again. */
  readonly hint?: string;
}

const defaultMaxBytes = 16 * 2 ** 20;
const maxDepth = 64;
const codeOf = (character: string): number => character.charCodeAt(0);
const [quote, backslash, comma, colon] = [codeOf('"'), codeOf("\\"), codeOf(","), codeOf(":")];
const [openArray, closeArray, openObject, closeObject] = [codeOf("["), codeOf("]"), codeOf("{"), codeOf("}")];

/**
 * Elements in the order of the file.
 * @throws InputError for a missing, truncated or invalid file, an element too large or too deep, a missing key
 */
export async function* jsonElements(file: string, options: ElementOptions = {}): AsyncGenerator<JsonElement, void> {
  const scanner = new Scanner(file, await fileSize(file), options);
  try {
    if (options.key === undefined) yield* arrayElements(scanner);
    else yield* memberElements(scanner, options.key);
    if ((await scanner.peek()) !== undefined) throw scanner.problem("the end of the file", "more text");
  } finally {
    await scanner.close();
  }
}

async function* memberElements(scanner: Scanner, key: string): AsyncGenerator<JsonElement, void> {
  await scanner.expect(openObject, `an object with the list ${JSON.stringify(key)}`);
  let found = false;
  for (let members = 0; !(await scanner.ends(closeObject, members)); members++) {
    const name = parsed(await scanner.raw(colon, true), scanner);
    await scanner.expect(colon, "a colon after a key");
    if (name !== key) {
      await scanner.raw(closeObject, false);
    } else {
      if (found) throw scanner.problem(`the list ${JSON.stringify(key)} once`, "it twice");
      found = true;
      yield* arrayElements(scanner);
    }
  }
  if (!found) throw scanner.problem(`a list ${JSON.stringify(key)}`, "an object without it");
}

async function* arrayElements(scanner: Scanner): AsyncGenerator<JsonElement, void> {
  await scanner.expect(openArray, "a list");
  for (let index = 0; !(await scanner.ends(closeArray, index)); index++) {
    scanner.element = index;
    yield { index, value: parsed(await scanner.raw(closeArray, true), scanner) };
  }
  scanner.element = undefined;
}

function parsed(bytes: Uint8Array, scanner: Scanner): unknown {
  try {
    return parsePythonJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw scanner.problem("JSON in UTF-8", "other text", cause);
  }
}

/** A position in the bytes of the file. */
class Scanner {
  /** Index of the current element, for errors. */
  element: number | undefined;
  private readonly chunks: AsyncGenerator<Uint8Array, void>;
  private chunk: Uint8Array = new Uint8Array();
  private at = 0;
  /** Bytes before `chunk`. */
  private before = 0;

  constructor(
    private readonly file: string,
    private readonly size: number,
    private readonly options: ElementOptions,
  ) {
    this.chunks = readPieces(file);
  }

  async close(): Promise<void> {
    await this.chunks.return();
  }

  /** The next byte that is not white space, without consuming it; undefined at the end of the file. */
  async peek(): Promise<number | undefined> {
    do {
      while (this.at < this.chunk.length && isSpace(this.chunk[this.at]!)) this.at++;
      if (this.at < this.chunk.length) return this.chunk[this.at];
    } while (await this.fill());
    return undefined;
  }

  async expect(byte: number, expected: string): Promise<void> {
    const next = await this.peek();
    if (next === undefined) throw this.truncated();
    if (next !== byte) throw this.problem(expected, JSON.stringify(String.fromCharCode(next)));
    this.at++;
  }

  /** Whether the list or object ends here. If not, consumes the comma before its next part. */
  async ends(close: number, parts: number): Promise<boolean> {
    const next = await this.peek();
    if (next === close) {
      this.at++;
      return true;
    }
    if (parts > 0) await this.expect(comma, "a comma or the end of a list or object");
    return false;
  }

  /** The bytes up to a comma or `end` outside strings and brackets, which is not consumed. Skipped bytes are not kept. */
  async raw(end: number, keep: boolean): Promise<Uint8Array> {
    const { maxBytes = defaultMaxBytes } = this.options;
    const parts: Uint8Array[] = [];
    let length = 0;
    let depth = 0;
    let inString = false;
    let escaped = false;
    for (;;) {
      const { chunk } = this;
      let i = this.at;
      let ended = false;
      for (; i < chunk.length && !ended; i++) {
        const byte = chunk[i]!;
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === backslash) escaped = true;
          else if (byte === quote) inString = false;
        } else if (byte === quote) {
          inString = true;
        } else if (depth === 0 && (byte === comma || byte === end)) {
          ended = true;
        } else if (byte === openArray || byte === openObject) {
          if (++depth > maxDepth) throw this.problem(`brackets at most ${maxDepth} deep`, "more");
        } else if (byte === closeArray || byte === closeObject) {
          if (--depth < 0) throw this.problem("brackets that match", JSON.stringify(String.fromCharCode(byte)));
        }
      }
      const stop = ended ? i - 1 : i;
      if (keep) {
        length += stop - this.at;
        if (length > maxBytes) throw this.problem(`at most ${maxBytes} bytes`, "more");
        parts.push(chunk.subarray(this.at, stop));
      }
      this.at = stop;
      if (ended) return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      if (!(await this.fill())) throw this.truncated();
    }
  }

  problem(expected: string, found: string, cause?: unknown): InputError {
    const inside = this.element === undefined ? "" : ` in element ${this.element}`;
    const where = `${this.file}${inside}, byte ${this.before + this.at}`;
    const { hint = "Download the file again" } = this.options;
    return new InputError({ code: "invalid-json", where, expected, found, hint }, { cause });
  }

  private truncated(): InputError {
    return this.problem("more of the file", "the end: the file is truncated");
  }

  /** The next piece of the file; false at its end. */
  private async fill(): Promise<boolean> {
    this.options.signal?.throwIfAborted();
    const next = await this.chunks.next();
    if (next.done === true) return false;
    this.before += this.chunk.length;
    this.chunk = next.value;
    // A byte order mark is no part of the text.
    this.at = this.before === 0 && this.chunk[0] === 0xef && this.chunk[1] === 0xbb && this.chunk[2] === 0xbf ? 3 : 0;
    this.options.onBytes?.(this.before + this.chunk.length, this.size, basename(this.file));
    return true;
  }
}

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
