/** Columns of numbers and texts that grow while a file is read: off the JavaScript heap, small enough for millions of rows. */

type NumberArray = Uint32Array | Int32Array | Int8Array | Float64Array;

/** A typed array that doubles when it is full. */
class Growable<T extends NumberArray> {
  #values: T;
  #length = 0;
  readonly #make: (length: number) => T;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.#values = make(16);
  }

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = this.#make(this.#length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  /** The value at `index`, which has been pushed. */
  at(index: number): number {
    return this.#values[index]!;
  }
}

export const growableUint32 = () => new Growable((length) => new Uint32Array(length));
export const growableInt32 = () => new Growable((length) => new Int32Array(length));
export const growableInt8 = () => new Growable((length) => new Int8Array(length));
export const growableFloat64 = () => new Growable((length) => new Float64Array(length));

/** The number of items of each row, and their start. Takes no memory while no row has items. */
export class Spans {
  #rows = 0;
  #total = 0;
  #ends: Growable<Uint32Array> | undefined;

  /** Items of all rows. */
  get total(): number {
    return this.#total;
  }

  /** The next row has `count` items. */
  add(count: number): void {
    if (count > 0 && this.#ends === undefined) {
      this.#ends = growableUint32();
      for (let row = 0; row < this.#rows; row++) this.#ends.push(0);
    }
    this.#total += count;
    this.#ends?.push(this.#total);
    this.#rows++;
  }

  start(row: number): number {
    return row === 0 || this.#ends === undefined ? 0 : this.#ends.at(row - 1);
  }

  count(row: number): number {
    return this.#ends === undefined ? 0 : this.#ends.at(row) - this.start(row);
  }
}

/** Texts in a page, as a power of two. */
const pageBits = 10;
const pageSize = 2 ** pageBits;

interface Page {
  readonly bytes: Buffer;
  /** The end of each text in `bytes`. [pageSize] */
  readonly ends: Uint32Array;
}

/** Texts by number, in the order they were added: UTF-8 bytes and four more for each. */
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

  /** The text with this number, as returned by `add`. */
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

/** Texts that repeat, such as answers. Each is stored once. */
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

/** The index of the last of ascending `values` that is at most `wanted`; the last of equal ones, so empty parts are skipped. */
export function lastAtMost(values: ArrayLike<number>, wanted: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (values[middle]! <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
