/** What the ranks of a step tell each other beside gradients: what each holds, and that all do the same. */
import { createHash } from "node:crypto";
import type { Collective } from "../distributed/index.js";
import { InputError } from "../errors.js";
import type { ObjectiveUses } from "../model/index.js";
import type { Arrays } from "../runtime/index.js";

/** What all ranks have to know of a micro-batch. */
export interface MicroBatchSizes {
  readonly uses: ObjectiveUses;
  /** Masked tokens. */
  readonly labels: number;
}

/** Settings and numbers that are the same on every rank, by the name that an error gives them. */
export type Agreed = Readonly<Record<string, string | number>>;

interface Announcement {
  readonly agreed: Agreed;
  readonly microBatches: readonly MicroBatchSizes[];
}

/**
 * The micro-batches of all ranks, rank 0's first.
 * @throws InputError on every rank when one differs from rank 0 in what all are to agree on
 */
export async function allMicroBatches(
  collective: Collective,
  own: readonly MicroBatchSizes[],
  agreed: () => Agreed,
): Promise<readonly MicroBatchSizes[]> {
  if (collective.size === 1) return own;
  const announcement: Announcement = { agreed: agreed(), microBatches: own };
  const bytes = await collective.gather(Buffer.from(JSON.stringify(announcement)));
  // The other ranks run this very function.
  const all = bytes.map((part) => JSON.parse(Buffer.from(part).toString()) as Announcement);
  checkAgreed(all.map(({ agreed }) => agreed));
  return all.flatMap(({ microBatches }) => microBatches);
}

function checkAgreed(ranks: readonly Agreed[]): void {
  for (const [rank, found] of ranks.entries()) {
    for (const name of new Set(ranks.flatMap((agreed) => Object.keys(agreed)))) {
      if (found[name] === ranks[0]![name]) continue;
      throw new InputError({
        code: "rank-failure",
        where: `${name} of rank ${rank}`,
        expected: `${ranks[0]![name] ?? "nothing"}, as on rank 0`,
        found: String(found[name] ?? "nothing"),
        hint: "Start all ranks with the same files and settings",
      });
    }
  }
}

/** Nested settings by the path to them, as in `optimizer.learning_rate`. */
export function flattened(settings: object, path = ""): Record<string, string> {
  const entries = Object.entries(settings).flatMap(([key, value]: [string, unknown]) =>
    typeof value === "object" && value !== null
      ? Object.entries(flattened(value, `${path}${key}.`))
      : [[path + key, String(value)]],
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

/** SHA-256 over all values by name: what is not the same at the start never becomes it. */
export function digest(values: Arrays): string {
  const hash = createHash("sha256");
  for (const name of [...values.keys()].sort()) hash.update(name).update(values.get(name)!);
  return hash.digest("hex");
}

/** The numbers of every rank, in order of rank. */
export async function gatherNumbers(collective: Collective, own: readonly number[]): Promise<number[][]> {
  const bytes = await collective.gather(new Uint8Array(Float64Array.from(own).buffer));
  // What was gathered may start at any byte.
  return bytes.map((part) => [...new Float64Array(part.slice().buffer)]);
}
