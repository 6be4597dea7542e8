/** Several processes that train one model together, called ranks, and what they exchange. */

/** One rank's view of all of them. One call at a time; every rank makes the same calls in the same order. */
export interface Collective {
  /** 0 to size - 1. */
  readonly rank: number;
  readonly size: number;
  /**
   * Σ over all ranks, in place; every rank gets the same bits. The arrays have the same lengths on every rank and must not be touched
   * while the promise is pending.
   * @throws InputError naming the rank that has ended or is silent; the arrays then hold anything
   */
  sum(arrays: readonly Float32Array[]): Promise<void>;
  /** Everybody's bytes, in order of rank, to everybody; lengths may differ. @throws InputError as `sum` */
  gather(bytes: Uint8Array): Promise<Uint8Array[]>;
  /** Leaves together with all others; nothing more is exchanged. */
  close(): Promise<void>;
  /**
   * Ends all ranks. Over TCP the others fail with `reason` at their next exchange; the promise is fulfilled when they were told, after
   * two seconds at most. Over MPI the processes end within the call: write what there is to say before it.
   */
  abort(reason: string): Promise<void>;
}

/** A single process. */
export const alone: Collective = {
  rank: 0,
  size: 1,
  sum: () => Promise.resolve(),
  gather: (bytes) => Promise.resolve([bytes]),
  close: () => Promise.resolve(),
  abort: () => Promise.resolve(),
};
