/**
 * Levels and dictionary indices of a page come in runs (https://parquet.apache.org/docs/file-format/data-pages/encodings/). The decoder
 * writes a run as long as the file says, so five hostile bytes would take 16 GB: runs are counted before it sees them.
 */

/** What is wrong with a page; the caller knows file and column. */
export class PageProblem extends Error {
  override readonly name = "PageProblem";
}

/** Bit-packed runs are filled up to whole groups of this many. */
const group = 8;

/**
 * Looks over runs of values of `width` bits, until there are `count`, in bytes `start` to `end`.
 * @throws PageProblem when a run is longer than what is left to come
 */
export function checkRuns(bytes: Uint8Array, start: number, end: number, width: number, count: number): void {
  let position = start;
  let left = count;
  while (left > 0) {
    const [header, next] = varint(bytes, position, end);
    const isPacked = (header & 1) === 1;
    const length = isPacked ? (header >>> 1) * group : header >>> 1;
    position = next + (isPacked ? (header >>> 1) * width : Math.ceil(width / 8));
    if (length >= left + group) throw new PageProblem(`a run of ${length} values where ${left} are left`);
    if (length === 0 && position >= end) throw new PageProblem(`${left} values fewer than it says`);
    left -= length;
  }
}

function varint(bytes: Uint8Array, start: number, end: number): [value: number, next: number] {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = start + i < end ? bytes[start + i] : undefined;
    if (byte === undefined) throw new PageProblem("a run that ends too early");
    value = (value | ((byte & 0x7f) << (7 * i))) >>> 0;
    if (byte < 0x80) return [value, start + i + 1];
  }
  throw new PageProblem("a run without length");
}
