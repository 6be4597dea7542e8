/** A way for ranks to reach each other: what `RankCollective` is built on. One call at a time. */
export interface Transport {
  readonly rank: number;
  readonly size: number;
  /** Σ over all ranks, in place, with the same bits everywhere. */
  sum(array: Float32Array): Promise<void>;
  gather(bytes: Uint8Array): Promise<Uint8Array[]>;
  close(): Promise<void>;
  abort(reason: string): Promise<void>;
}

/** How long to wait for other ranks, in seconds. */
export interface Patience {
  /** For all to have joined. */
  readonly joinSeconds: number;
  /** For one that computes, or saves what others need not, to come to the same exchange. TCP only: mpirun watches its processes. */
  readonly waitSeconds: number;
}
