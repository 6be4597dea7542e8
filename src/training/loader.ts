/** Prefetches the micro-batches of the next steps. */
import type { Random } from "../random/index.js";
import { collate, type Batch, type CollateOptions, type ObjectiveWeights } from "../learner/index.js";
import { itmLabels } from "../learner/internal.js";
import type { BrokenImage, ImageCache, SampleSource } from "./sample-source.js";

/** Every step has `batch_size` samples, in `microBatches` over all processes. */
export interface StepPlan {
  readonly batch_size: number;
  /** Over all processes. */
  readonly microBatches: number;
}

export interface LoaderOptions extends StepPlan {
  readonly objectives: ObjectiveWeights;
  readonly collate: Omit<CollateOptions, "random" | "imageMultiple">;
  /** Numbers of the micro-batches of a step that this process computes. */
  readonly localMicroBatches: readonly number[];
}

export interface LoadedStep {
  readonly microBatches: readonly Batch[];
  /** Names of the images in them. */
  readonly images: readonly string[];
  /** Images that were replaced. */
  readonly broken: readonly BrokenImage[];
}

/** A micro-batch, and the facts about its samples. The samples are freed when they are stacked. */
interface MicroBatch extends Pick<LoadedStep, "images" | "broken"> {
  readonly batch: Batch;
}

/** Steps to prefetch: two, or one if two would take more memory than this, in bytes. */
const maxPrefetch = 2;
const maxPrefetchBytes = 2 ** 30;

export class Loader {
  private readonly prefetched = new Map<number, Promise<LoadedStep>>();
  private readonly orders = new Map<number, Uint32Array>();

  constructor(
    private readonly source: SampleSource,
    private readonly options: LoaderOptions,
    private readonly random: Random,
  ) {}

  /**
   * The micro-batches of this process; those of the next steps are prefetched. Epochs follow one another without a gap, so that all
   * steps have the same size.
   * @param maxSteps steps of the run
   */
  async step(t: number, maxSteps: number): Promise<LoadedStep> {
    for (let next = t; next < Math.min(t + 1 + this.prefetchedSteps(), maxSteps); next++) {
      if (this.prefetched.has(next)) continue;
      const step = this.make(next);
      // The error is thrown when the step is requested.
      step.catch(() => undefined);
      this.prefetched.set(next, step);
    }
    const step = await (this.prefetched.get(t) ?? this.make(t));
    this.prefetched.delete(t);
    return step;
  }

  private prefetchedSteps(): number {
    const { batch_size, microBatches, localMicroBatches, collate } = this.options;
    const pixels = collate.config.vision_config.image_size ** 2;
    const bytes = ((batch_size * localMicroBatches.length) / microBatches) * pixels * 3;
    return bytes * maxPrefetch > maxPrefetchBytes ? 1 : maxPrefetch;
  }

  private async make(t: number): Promise<LoadedStep> {
    const all = await Promise.all(this.options.localMicroBatches.map((micro) => this.microBatch(t, micro)));
    return {
      microBatches: all.map(({ batch }) => batch),
      images: all.flatMap(({ images }) => images),
      broken: all.flatMap(({ broken }) => broken),
    };
  }

  private async microBatch(t: number, micro: number): Promise<MicroBatch> {
    const { batch_size, microBatches, objectives, collate: collating } = this.options;
    const from = t * batch_size + Math.floor((micro * batch_size) / microBatches);
    const to = t * batch_size + Math.floor(((micro + 1) * batch_size) / microBatches);
    const refs = Array.from({ length: to - from }, (_, i) => this.sampleAt(from + i));
    const random = this.random.at("step", t, micro);
    const labels =
      objectives.itm === undefined || collating.itmFalse === "texts"
        ? undefined
        : itmLabels(
            refs.map(({ index }) => index),
            random,
          );
    const cache: ImageCache = new Map();
    const made = await Promise.all(
      refs.map(({ epoch, index }, i) => this.source.make(epoch, index, labels?.[i] === 0, cache)),
    );
    const samples = made.map(({ sample }) => sample);
    // The stack has the same height in every batch, even if an image occurs twice in one: one graph serves all.
    const perSample = this.source.epochIndex.kinds.includes("statements") ? 2 : 1;
    const imageMultiple = perSample * samples.length + (labels?.filter((label) => label === 0).length ?? 0);
    return {
      batch: collate(samples, objectives, { ...collating, random, imageMultiple }),
      images: made.flatMap(({ images }) => images),
      broken: made.flatMap(({ broken }) => broken),
    };
  }

  /** Epoch and number of the sample at a position of the run. */
  private sampleAt(position: number): { readonly epoch: number; readonly index: number } {
    const { length } = this.source.epochIndex;
    const epoch = Math.floor(position / length);
    return { epoch, index: this.order(epoch)[position % length]! };
  }

  private order(epoch: number): Uint32Array {
    const known = this.orders.get(epoch) ?? this.source.epochIndex.order(epoch, this.random);
    this.orders.set(epoch, known);
    // A step spans two epochs at most, and prefetched ones one more.
    for (const old of this.orders.keys()) if (old < epoch - 2) this.orders.delete(old);
    return known;
  }
}
