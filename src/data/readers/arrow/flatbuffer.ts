/**
 * Tables of a flatbuffer, read with every bound checked: the generated readers return zeros past the end and accept any count.
 * https://flatbuffers.dev/internals/
 */

/** An error in a flatbuffer. The caller adds the file. */
export class FlatbufferProblem extends Error {
  override readonly name = "FlatbufferProblem";
}

/** A table at a place in a flatbuffer. Fields are numbered as their schema lists them; absent ones read as their default. */
export class FlatTable {
  readonly #view: DataView;
  readonly #position: number;
  readonly #vtable: number;
  readonly #vtableSize: number;

  /** The table at `position`. Default: the root table. */
  constructor(view: DataView, position = view.getUint32(0, true)) {
    this.#view = view;
    this.#position = position;
    this.#vtable = position - view.getInt32(position, true);
    this.#vtableSize = view.getUint16(this.#vtable, true);
  }

  int8(field: number, absent = 0): number {
    const at = this.#field(field);
    return at === undefined ? absent : this.#view.getInt8(at);
  }

  int16(field: number, absent = 0): number {
    const at = this.#field(field);
    return at === undefined ? absent : this.#view.getInt16(at, true);
  }

  int32(field: number, absent = 0): number {
    const at = this.#field(field);
    return at === undefined ? absent : this.#view.getInt32(at, true);
  }

  /** @throws FlatbufferProblem beyond 2^53 */
  int64(field: number): number {
    const at = this.#field(field);
    return at === undefined ? 0 : this.#int64At(at);
  }

  text(field: number): string {
    const at = this.#field(field);
    if (at === undefined) return "";
    const { start, length } = this.#vector(at, 1);
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, length));
  }

  table(field: number): FlatTable | undefined {
    const at = this.#field(field);
    return at === undefined ? undefined : new FlatTable(this.#view, at + this.#view.getUint32(at, true));
  }

  tables(field: number): FlatTable[] {
    const at = this.#field(field);
    if (at === undefined) return [];
    const { start, length } = this.#vector(at, 4);
    return Array.from({ length }, (_, i) => {
      const entry = start + 4 * i;
      return new FlatTable(this.#view, entry + this.#view.getUint32(entry, true));
    });
  }

  /** Structs of `size` bytes, of each the 64-bit or 32-bit integers at these places. */
  structs(field: number, size: number, places: readonly { readonly at: number; readonly bits: 32 | 64 }[]): number[][] {
    const at = this.#field(field);
    if (at === undefined) return [];
    const { start, length } = this.#vector(at, size);
    return Array.from({ length }, (_, i) =>
      places.map((place) => {
        const position = start + size * i + place.at;
        return place.bits === 64 ? this.#int64At(position) : this.#view.getInt32(position, true);
      }),
    );
  }

  #field(field: number): number | undefined {
    const entry = 4 + 2 * field;
    if (entry + 2 > this.#vtableSize) return undefined;
    const offset = this.#view.getUint16(this.#vtable + entry, true);
    return offset === 0 ? undefined : this.#position + offset;
  }

  #vector(at: number, itemSize: number): { start: number; length: number } {
    const position = at + this.#view.getUint32(at, true);
    const length = this.#view.getUint32(position, true);
    if (position + 4 + length * itemSize > this.#view.byteLength) {
      throw new FlatbufferProblem(`a list of ${length} in ${this.#view.byteLength} bytes`);
    }
    return { start: position + 4, length };
  }

  #int64At(position: number): number {
    const value = Number(this.#view.getBigInt64(position, true));
    if (!Number.isSafeInteger(value)) throw new FlatbufferProblem("a number beyond 2^53");
    return value;
  }
}
