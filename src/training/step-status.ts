/** What the processes of a run tell one another between steps. */
import type { Collective } from "../distributed/index.js";
import type { BrokenImage } from "./sample-source.js";

/** What a step was like. */
export interface StepNews {
  /** Whether the run is to end after it. */
  readonly aborted: boolean;
  /** How many images others stood in for, */
  readonly brokenImages: number;
  /** and the first of them. */
  readonly broken: readonly BrokenImage[];
}

/** The news of all processes as one. */
export async function allNews(collective: Collective, own: StepNews): Promise<StepNews> {
  const all = await collective.gather(new TextEncoder().encode(JSON.stringify(own)));
  // Written above, by the same program.
  const news = all.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as StepNews);
  return {
    aborted: news.some(({ aborted }) => aborted),
    brokenImages: news.reduce((sum, { brokenImages }) => sum + brokenImages, 0),
    broken: news.flatMap(({ broken }) => broken),
  };
}

/** Whether any of the processes says so. */
export async function anyOf(collective: Collective, flag: boolean): Promise<boolean> {
  const flags = await collective.gather(Uint8Array.of(flag ? 1 : 0));
  return flags.some(([one]) => one === 1);
}
