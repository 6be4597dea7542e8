/** Millions of short texts at the cost of their UTF-8 bytes and four more each. */

/** A power of two, so that a text's page is a shift away. */
const pageBits = 10;
const pageSize = 2 ** pageBits;

interface Page {
  readonly bytes: Buffer;
  /** [pageSize] where each text ends in `bytes` */
  readonly ends: Uint32Array;
}

/** Texts by number, in the order they were added. */
export class TextPool {
  readonly #pages: Page[] = [];
  #open: string[] = [];

  get length(): number {
    return this.#pages.length * pageSize + this.#open.length;
  }

  /** The number of the text. A lone surrogate becomes U+FFFD. */
  add(text: string): number {
    this.#open.push(text);
    if (this.#open.length === pageSize) {
      this.#pages.push(sealed(this.#open));
      this.#open = [];
    }
    return this.length - 1;
  }

  /** The text with this number, which `add` gave. */
  at(index: number): string {
    const page = this.#pages[index >>> pageBits];
    const position = index & (pageSize - 1);
    if (page === undefined) return this.#open[position]!;
    const start = position === 0 ? 0 : page.ends[position - 1]!;
    return page.bytes.toString("utf8", start, page.ends[position]);
  }
}

function sealed(texts: readonly string[]): Page {
  const bytes = texts.map((text) => Buffer.from(text, "utf8"));
  const ends = new Uint32Array(texts.length);
  let end = 0;
  bytes.forEach((text, i) => (ends[i] = end += text.length));
  return { bytes: Buffer.concat(bytes, end), ends };
}

/** Texts that come again and again, such as answers, each kept once. */
export class Interned {
  readonly #texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  add(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#texts.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }

  at(number: number): string {
    return this.#texts[number]!;
  }
}
