/** The report of a step from those of its micro-batches. */
import type { Collective } from "../distributed/index.js";
import type { ObjectiveName } from "../model/index.js";
import type { Shares } from "./batch.js";
import type { BatchContrast } from "./cached-contrast.js";
import { gatherNumbers } from "./collective-checks.js";
import type { ObjectiveReport, Reports } from "./step-graph.js";

/** The reports of all ranks' micro-batches, rank 0's first. */
export async function allReports(collective: Collective, own: readonly Reports[]): Promise<Reports[]> {
  const names = Object.keys(own[0]!) as ObjectiveName[];
  const numbers = own.flatMap((report) => names.flatMap((name) => [report[name]!.loss, report[name]!.score]));
  const ranks = await gatherNumbers(collective, numbers);
  return ranks.flatMap((theirs) =>
    own.map((_, i): Reports => {
      const at = (k: number) => 2 * (i * names.length + k);
      return Object.fromEntries(names.map((name, k) => [name, { loss: theirs[at(k)]!, score: theirs[at(k) + 1]! }]));
    }),
  );
}

/** @param shares of the micro-batches in each objective's mean */
export function averaged(reports: readonly Reports[], shares: readonly Shares[]): Reports {
  const mean = (name: ObjectiveName, field: keyof ObjectiveReport) =>
    reports.reduce((sum, report, i) => sum + (shares[i]![name] ?? 1) * report[name]![field], 0) / reports.length;
  const names = Object.keys(reports[0]!) as ObjectiveName[];
  return Object.fromEntries(names.map((name) => [name, { loss: mean(name, "loss"), score: mean(name, "score") }]));
}

/** The contrastive objective's report with the loss over the whole batch. */
export function withContrast(reports: Reports, contrast: BatchContrast | undefined): Reports {
  if (contrast === undefined) return reports;
  const { itc, itm_itc } = reports;
  return {
    ...reports,
    ...(itc === undefined ? {} : { itc: { loss: contrast.loss, score: contrast.score } }),
    ...(itm_itc === undefined ? {} : { itm_itc: { loss: itm_itc.loss + contrast.loss, score: itm_itc.score } }),
  };
}
