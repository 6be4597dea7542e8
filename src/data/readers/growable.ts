/** Columns of numbers that grow while a file is read. */

type NumberArray = Uint32Array | Int32Array | Int8Array | Float64Array;

/** A typed array that doubles when it is full. */
export class Growable<T extends NumberArray> {
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

/** How many items each row has, and where they begin. Costs nothing while no row has any. */
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
