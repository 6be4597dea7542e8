/** Checks values that must be equal on every rank. */
import { InputError } from "../errors.js";
import type { Collective } from "./collective.js";

/** Settings and numbers by the name that an error gives them. */
export type Facts = Readonly<Record<string, string | number>>;

/** @throws InputError, the same on every rank, when a rank has another value than rank 0 */
export async function checkAgreement(collective: Collective, facts: Facts, label: string): Promise<void> {
  checkSameFacts(await gatherJson(collective, facts, label));
}

/**
 * @param ranks facts of every rank, in order of rank
 * @throws InputError naming the first fact and rank that differ from rank 0
 */
export function checkSameFacts(ranks: readonly Facts[]): void {
  for (const [rank, found] of ranks.entries()) {
    for (const name of new Set(ranks.flatMap((facts) => Object.keys(facts)))) {
      if (found[name] === ranks[0]![name]) continue;
      throw new InputError({
        code: "rank-failure",
        where: `${name} of rank ${rank}`,
        expected: `${ranks[0]![name] ?? "none"}, as on rank 0`,
        found: String(found[name] ?? "none"),
        hint: "Start all ranks with the same files and settings",
      });
    }
  }
}

/** A JSON value of every rank, in order of rank. */
export async function gatherJson<T>(collective: Collective, value: T, label: string): Promise<T[]> {
  const all = await collective.gather(Buffer.from(JSON.stringify(value)), label);
  // Written above by the same program; the label says by the same call.
  return all.map((bytes) => JSON.parse(Buffer.from(bytes).toString()) as T);
}
