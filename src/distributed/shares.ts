/** Work that ranks divide. Each does a contiguous share; the results of all, in order, are those of one process. */
import { deserialize, serialize } from "node:v8";
import { InputError } from "../errors.js";
import type { Collective } from "./collective.js";

export interface Range {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

/** The share of this rank of `count` items. Shares differ by one item at most; some are empty if there are fewer items than ranks. */
export const shareOf = (count: number, { rank, size }: Pick<Collective, "rank" | "size">): Range => ({
  first: Math.floor((rank * count) / size),
  end: Math.floor(((rank + 1) * count) / size),
});

/** Another rank was interrupted while this one was working. */
export class RankInterrupted extends Error {
  override readonly name = "RankInterrupted";
}

type Outcome<T> = { readonly value: T } | { readonly reason: string; readonly isInterrupted: boolean };

/**
 * What `work` returns on each rank, in order of rank: values that can be cloned. A rank whose work rejects ends that of all: it rejects
 * with its own error, the others with one that names it. They notice when they have done their own work.
 * @param signal whether a rejection is an interruption
 * @throws RankInterrupted if another rank was interrupted, InputError (`rank-failure`) if it failed
 */
export async function joinWork<T>(
  collective: Collective,
  label: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T[]> {
  if (collective.size === 1) return [await work()];
  let failure: unknown;
  const outcome = await work().then(
    (value): Outcome<T> => ({ value }),
    (error: unknown): Outcome<T> => {
      failure = error;
      const reason = error instanceof Error ? error.message : String(error);
      return { reason, isInterrupted: signal?.aborted === true };
    },
  );
  // Written by this function on another rank.
  const all = (await collective.gather(serialize(outcome), label)).map((bytes) => deserialize(bytes) as Outcome<T>);
  if ("reason" in outcome) throw failure;
  return all.map((other, rank) => {
    if ("value" in other) return other.value;
    if (other.isInterrupted) throw new RankInterrupted(`rank ${rank} was interrupted`);
    throw new InputError({
      code: "rank-failure",
      where: `rank ${rank}`,
      expected: `its share of the ${label}`,
      found: other.reason.replace(/\.$/, ""),
    });
  });
}
