/** The status that the ranks of a run exchange: equal settings and data, and the result of each step. */
import { type Dataset } from "../data/index.js";
import { datasetFacts } from "../data/internal.js";
import { checkAgreement, gatherJson, type Collective } from "../distributed/index.js";
import type { TrainingSettings } from "./run-settings.js";
import type { BrokenImage } from "./sample-source.js";

/** Settings that may differ between machines: paths, whose content is compared instead, and threads. */
const localSettings: ReadonlySet<string> = new Set([
  "output",
  "data_root",
  "data",
  "start",
  "tokenizer",
  "answers",
  "num_workers",
  "threads",
] satisfies (keyof TrainingSettings)[]);

/**
 * Ranks with other rows or settings would train on other orders, or make other exchanges. The learner compares config and values.
 * @throws InputError, the same on every rank, naming the setting or data set and the rank that differ from rank 0
 */
export async function checkSameRun(
  collective: Collective,
  settings: TrainingSettings,
  train: readonly Dataset[],
  validation: readonly Dataset[],
): Promise<void> {
  if (collective.size === 1) return;
  const compared = Object.entries(settings).filter(([name, value]) => !localSettings.has(name) && value !== undefined);
  const facts = (role: string) => (data: Dataset, i: number) =>
    Object.entries(datasetFacts(data, `data.${role}, number ${i + 1},`));
  await checkAgreement(
    collective,
    Object.fromEntries([
      ...compared.map(([name, value]) => [name, JSON.stringify(value)] as const),
      ...train.flatMap(facts("train")),
      ...validation.flatMap(facts("validation")),
    ]),
    "settings and data sets",
  );
}

/** How a step went. */
export interface StepStatus {
  /** Whether the run is to stop after it. */
  readonly aborted: boolean;
  /** Number of images that were replaced by others, */
  readonly brokenImages: number;
  /** and the first of them. */
  readonly broken: readonly BrokenImage[];
}

/** The status of all ranks as one. */
export async function allGatherStatus(collective: Collective, local: StepStatus, label: string): Promise<StepStatus> {
  const all = await gatherJson(collective, local, label);
  return {
    aborted: all.some(({ aborted }) => aborted),
    brokenImages: all.reduce((sum, { brokenImages }) => sum + brokenImages, 0),
    broken: all.flatMap(({ broken }) => broken),
  };
}

/** Whether the flag is set on any rank. */
export async function anyRank(collective: Collective, flag: boolean, label: string): Promise<boolean> {
  const flags = await collective.gather(Uint8Array.of(flag ? 1 : 0), label);
  return flags.some(([one]) => one === 1);
}
