/** Communication between ranks: processes that train or evaluate one model together. */

/**
 * One rank's view of all ranks. One call at a time; every rank makes the same calls in the same order. `label` says what a call
 * exchanges, as in `"gradients of step 3"`: ranks that make different calls fail with an error that names both.
 */
export interface Collective {
  /** 0 to size - 1. */
  readonly rank: number;
  readonly size: number;
  /** Ranks that share the cores of this one, itself included. */
  readonly localSize: number;
  /**
   * Sum over all ranks, in place; every rank gets the same bits. The arrays have the same lengths on every rank and must not be touched
   * while the promise is pending.
   * @throws InputError (`rank-failure`) naming the rank that makes another call
   */
  sum(arrays: readonly Float32Array[], label: string): Promise<void>;
  /** The bytes of every rank, in order of rank; lengths may differ. @throws InputError as `sum` */
  gather(bytes: Uint8Array, label: string): Promise<Uint8Array[]>;
  /** Leaves together with all other ranks; no call may follow. */
  close(): Promise<void>;
  /** Ends the processes of all ranks. Over MPI this happens within the call: print and write everything before it. */
  abort(reason: string): Promise<void>;
}

/** A run of one process. */
export const singleProcess: Collective = {
  rank: 0,
  size: 1,
  localSize: 1,
  sum: () => Promise.resolve(),
  gather: (bytes) => Promise.resolve([bytes]),
  close: () => Promise.resolve(),
  abort: () => Promise.resolve(),
};
