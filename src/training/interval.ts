/** Means over the steps since the last line of the log. A checkpoint keeps them, so that a resumed run writes the same line. */
import type { StepReport } from "../learner/index.js";

/** Plain numbers, for a checkpoint. */
export interface IntervalState {
  readonly steps: number;
  /** Steps that were skipped because a gradient was not finite. */
  readonly skipped: number;
  readonly brokenImages: number;
  readonly sums: Readonly<Record<string, number>>;
}

export const emptyInterval: IntervalState = { steps: 0, skipped: 0, brokenImages: 0, sums: {} };

export class Interval {
  private steps: number;
  private skipped: number;
  private brokenImages: number;
  private readonly sums: Map<string, number>;
  /** Times are not part of the state. */
  private timed = 0;
  private milliseconds = 0;
  private waited = 0;

  constructor(state: IntervalState = emptyInterval) {
    this.steps = state.steps;
    this.skipped = state.skipped;
    this.brokenImages = state.brokenImages;
    this.sums = new Map(Object.entries(state.sums));
  }

  add({ loss, objectives, gradientNorm, learningRate }: StepReport): void {
    this.steps++;
    const numbers = [
      ["loss", loss],
      ...Object.entries(objectives).flatMap(([name, { loss, score }]) => [
        [`loss_${name}`, loss] as const,
        [`score_${name}`, score] as const,
      ]),
      ["grad_norm", gradientNorm],
      ["learning_rate", learningRate],
    ] as const;
    for (const [name, value] of numbers) this.sums.set(name, (this.sums.get(name) ?? 0) + value);
  }

  skip(): void {
    this.skipped++;
  }

  /** @param images number of images of a step that were replaced */
  broken(images: number): void {
    this.brokenImages += images;
  }

  /** @param waited milliseconds of the step in which it waited for data */
  time(milliseconds: number, waited: number): void {
    this.timed++;
    this.milliseconds += milliseconds;
    this.waited += waited;
  }

  state(): IntervalState {
    const { steps, skipped, brokenImages } = this;
    return { steps, skipped, brokenImages, sums: Object.fromEntries(this.sums) };
  }

  means(): Record<string, number> {
    return Object.fromEntries([...this.sums].map(([name, sum]) => [name, sum / this.steps]));
  }

  /** Counts of rare events, if there were any. */
  counts(): Record<string, number> {
    const { skipped, brokenImages } = this;
    return {
      ...(skipped > 0 ? { skipped_steps: skipped } : {}),
      ...(brokenImages > 0 ? { broken_pictures: brokenImages } : {}),
    };
  }

  /** @param batch_size number of samples of a step */
  pace(batch_size: number): { readonly pairs_per_second: number; readonly data_wait_share: number } {
    return {
      pairs_per_second: rounded((1000 * this.timed * batch_size) / this.milliseconds),
      data_wait_share: rounded(this.waited / this.milliseconds),
    };
  }
}

const rounded = (value: number): number => Number(value.toPrecision(4));
