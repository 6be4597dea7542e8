/**
 * The data that the ranks of a step exchange besides gradients: sizes of their micro-batches, reports, and facts that must be equal on all
 * of them.
 */
import { createHash } from "node:crypto";
import { checkSameFacts, gatherJson, type Collective, type Facts } from "../distributed/index.js";
import type { ObjectiveName, ObjectiveUses } from "../model/index.js";
import type { Arrays } from "../runtime/index.js";
import type { MicroBatchWeights } from "./batch.js";
import type { ObjectiveReport, Reports } from "./compiled-step.js";

/** The data of a micro-batch that all ranks have. */
export interface MicroBatchSizes {
  readonly uses: ObjectiveUses;
  readonly maskedTokens: number;
}

/**
 * The micro-batches of all ranks, rank 0's first.
 * @param facts values that must be equal on all ranks
 * @throws InputError on every rank if one differs from rank 0
 */
export async function allMicroBatches(
  collective: Collective,
  local: readonly MicroBatchSizes[],
  facts: () => Facts,
  label: string,
): Promise<readonly MicroBatchSizes[]> {
  if (collective.size === 1) return local;
  const all = await gatherJson(collective, { facts: facts(), microBatches: local }, label);
  checkSameFacts(all.map((rank) => rank.facts));
  return all.flatMap(({ microBatches }) => microBatches);
}

/** Nested settings by their paths, such as `optimizer.learning_rate`. */
export function flattened(settings: object, path = ""): Record<string, string> {
  const entries = Object.entries(settings).flatMap(([key, value]: [string, unknown]) =>
    typeof value === "object" && value !== null
      ? Object.entries(flattened(value, `${path}${key}.`))
      : [[path + key, String(value)]],
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

/** SHA-256 over all values by name. Ranks that start from different values never become equal. */
export function digest(values: Arrays): string {
  const hash = createHash("sha256");
  for (const name of [...values.keys()].sort()) hash.update(name).update(values.get(name)!);
  return hash.digest("hex");
}

/** The numbers of every rank, in order of rank. */
export async function gatherNumbers(
  collective: Collective,
  local: readonly number[],
  label: string,
): Promise<number[][]> {
  const bytes = await collective.gather(new Uint8Array(Float64Array.from(local).buffer), label);
  // A gathered part may start at any byte.
  return bytes.map((part) => [...new Float64Array(part.slice().buffer)]);
}

/** The reports of all ranks' micro-batches, rank 0's first. */
export async function allReports(collective: Collective, local: readonly Reports[]): Promise<Reports[]> {
  const names = Object.keys(local[0]!) as ObjectiveName[];
  const numbers = local.flatMap((report) => names.flatMap((name) => [report[name]!.loss, report[name]!.score]));
  const ranks = await gatherNumbers(collective, numbers, "losses");
  return ranks.flatMap((theirs) =>
    local.map((_, i): Reports => {
      const at = (k: number) => 2 * (i * names.length + k);
      return Object.fromEntries(names.map((name, k) => [name, { loss: theirs[at(k)]!, score: theirs[at(k) + 1]! }]));
    }),
  );
}

/** The mean over micro-batches. */
export function averaged(reports: readonly Reports[], weights: readonly MicroBatchWeights[]): Reports {
  const mean = (name: ObjectiveName, field: keyof ObjectiveReport) =>
    reports.reduce((sum, report, i) => sum + (weights[i]![name] ?? 1) * report[name]![field], 0) / reports.length;
  const names = Object.keys(reports[0]!) as ObjectiveName[];
  return Object.fromEntries(names.map((name) => [name, { loss: mean(name, "loss"), score: mean(name, "score") }]));
}
