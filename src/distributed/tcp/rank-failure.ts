/** What users read when a rank is lost, and what ranks tell each other about it. */
import { z } from "zod";
import { InputError } from "../../errors.js";
import { ChannelEnded, ChannelSilent } from "./channel.js";

/** Why all ranks end, and which of them it began with. */
const abortSchema = z.object({ rank: z.int().min(0), reason: z.string() });
export type Abort = z.infer<typeof abortSchema>;

/** Characters of a reason: it is one line of an error. */
const maxReason = 2000;

export const abortBytes = ({ rank, reason }: Abort): Uint8Array =>
  Buffer.from(JSON.stringify({ rank, reason: reason.slice(0, maxReason) }));

/** A rank is gone, or ends all ranks. `abort` is what the others are to be told. */
export class RankFailure extends InputError {
  constructor(
    readonly abort: Abort,
    expected: string,
    hint: string,
  ) {
    super({ code: "rank-failure", where: `rank ${abort.rank}`, expected, found: abort.reason, hint });
  }
}

/** @param error what reading from the rank, or writing to it, failed with */
export function rankFailure(rank: number, error: unknown): RankFailure {
  if (error instanceof RankFailure) return error;
  if (error instanceof ChannelSilent) {
    return new RankFailure(
      { rank, reason: `nothing for ${error.seconds} s` },
      "an answer",
      "Its process hangs, or its machine cannot be reached: start all ranks again",
    );
  }
  if (error instanceof ChannelEnded) {
    const abort = error.abort === undefined ? undefined : parseAbort(error.abort);
    return new RankFailure(
      abort ?? { rank, reason: "it has ended" },
      "to take part until all are done",
      "See its own messages, then start all ranks again",
    );
  }
  const found = error instanceof Error ? error.message : String(error);
  return new RankFailure(
    { rank, reason: found },
    "the same exchange as on all ranks",
    "Start all ranks with the same command",
  );
}

/** What `abort(reason)` of a rank says to the others. */
export const ownAbort = (rank: number, reason: string): Abort => ({
  rank,
  reason: `it has ended: ${reason.replace(/\.$/, "")}`,
});

function parseAbort(bytes: Uint8Array): Abort | undefined {
  try {
    return abortSchema.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    return undefined;
  }
}
