/** A least recently used cache, bounded in bytes. Concurrent calls for one key share one value. */
export class ByteCache<T> {
  readonly #limit: number;
  readonly #sizeOf: (value: T) => number;
  #bytes = 0;
  /** Least recently used first. */
  readonly #entries = new Map<string, { value: Promise<T>; size: number }>();

  /** @param limit bytes; a single larger value is kept until the next one */
  constructor(limit: number, sizeOf: (value: T) => number) {
    this.#limit = limit;
    this.#sizeOf = sizeOf;
  }

  /** The value of `key`, created by `make` if it is not cached. */
  get(key: string, make: () => Promise<T>): Promise<T> {
    const kept = this.#entries.get(key);
    if (kept !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, kept);
      return kept.value;
    }
    const entry = { value: make(), size: 0 };
    this.#entries.set(key, entry);
    entry.value.then(
      (value) => {
        if (this.#entries.get(key) !== entry) return;
        entry.size = this.#sizeOf(value);
        this.#bytes += entry.size;
        this.#shrink(key);
      },
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      },
    );
    return entry.value;
  }

  #shrink(newest: string): void {
    for (const [key, { size }] of this.#entries) {
      if (this.#bytes <= this.#limit) return;
      if (key === newest || size === 0) continue;
      this.#entries.delete(key);
      this.#bytes -= size;
    }
  }
}
