/** Keeps the rows of one split where a file holds several. */

import { InputError } from "../../errors.js";
import { listed } from "./roles.js";

/** Splits named in an error. */
const maxNamed = 20;

export class SplitFilter {
  readonly #where: string;
  /** Every row is kept where it is undefined. */
  readonly wanted: string | undefined;
  readonly #others = new Set<string>();
  #kept = false;

  constructor(where: string, wanted: string | undefined) {
    this.#where = where;
    this.wanted = wanted;
  }

  /** Whether the column `split` matters at all. */
  get isActive(): boolean {
    return this.wanted !== undefined;
  }

  /** Whether a row with this value in its column `split` is wanted. */
  keeps(split: unknown): boolean {
    if (this.wanted === undefined) return true;
    if (split === this.wanted) return (this.#kept = true);
    if (typeof split === "string" && this.#others.size < maxNamed) this.#others.add(split);
    return false;
  }

  /** @throws InputError when no row was of the wanted split */
  finish(): void {
    if (this.wanted === undefined || this.#kept) return;
    const others = [...this.#others];
    throw new InputError({
      code: "missing-data",
      where: this.#where,
      expected: `rows whose column split says ${JSON.stringify(this.wanted)}`,
      found: others.length === 0 ? "no row that names a split" : listed(others),
      hint: others.length === 0 ? "Leave out the split, or name the file of that split" : "Name one of these",
    });
  }
}
