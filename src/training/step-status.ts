/** What the ranks of a run report to each other between steps. */
import { gatherJson, type Collective } from "../distributed/index.js";
import type { BrokenImage } from "./sample-source.js";

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
