/** Micro-batches made ahead of the step that takes them. */
import type { Random } from "../random/index.js";
import { collate, itmLabels, type Batch, type CollateOptions, type ObjectiveWeights } from "../learner/index.js";
import type { BrokenImage, MadeSample, ImageCache, SampleSource } from "./sample-source.js";

/** How a run is cut: every step has `batch_size` samples, in `microBatches` over all processes. */
export interface StepPlan {
  readonly batch_size: number;
  /** Over all processes. */
  readonly microBatches: number;
}

export interface LoaderOptions extends StepPlan {
  readonly objectives: ObjectiveWeights;
  readonly collate: Omit<CollateOptions, "random" | "imageMultiple">;
  /** Which of a step's micro-batches this process takes. */
  readonly own: readonly number[];
}

export interface LoadedStep {
  readonly microBatches: readonly Batch[];
  /** Names of the images in them. */
  readonly images: readonly string[];
  /** Images that others stand in for. */
  readonly broken: readonly BrokenImage[];
}

interface MicroBatch {
  readonly batch: Batch;
  readonly made: readonly MadeSample[];
}

/** Steps whose samples are being made while another is computed: two, but one where two would take more memory than this, in bytes. */
const maxStepsAhead = 2;
const maxBytesAhead = 2 ** 30;

export class Loader {
  private readonly ahead = new Map<number, Promise<LoadedStep>>();
  private readonly orders = new Map<number, Uint32Array>();

  constructor(
    private readonly source: SampleSource,
    private readonly options: LoaderOptions,
    private readonly random: Random,
  ) {}

  /**
   * The own micro-batches of a step; those of the next ones are begun. Samples follow one another over the whole run, epoch after
   * epoch without a gap, so that all steps are of one size.
   * @param last steps of the run
   */
  async step(t: number, last: number): Promise<LoadedStep> {
    for (let next = t; next < Math.min(t + 1 + this.stepsAhead(), last); next++) {
      if (this.ahead.has(next)) continue;
      const step = this.make(next);
      // Told when the step is asked for.
      step.catch(() => undefined);
      this.ahead.set(next, step);
    }
    const step = await (this.ahead.get(t) ?? this.make(t));
    this.ahead.delete(t);
    return step;
  }

  private stepsAhead(): number {
    const { batch_size, microBatches, own, collate } = this.options;
    const pixels = collate.config.vision_config.image_size ** 2;
    const bytes = ((batch_size * own.length) / microBatches) * pixels * 3 * Float32Array.BYTES_PER_ELEMENT;
    return bytes * maxStepsAhead > maxBytesAhead ? 1 : maxStepsAhead;
  }

  private async make(t: number): Promise<LoadedStep> {
    const all = await Promise.all(this.options.own.map((micro) => this.microBatch(t, micro)));
    const made = all.flatMap((one) => one.made);
    return {
      microBatches: all.map(({ batch }) => batch),
      images: made.flatMap(({ images }) => images),
      broken: made.flatMap(({ broken }) => broken),
    };
  }

  private async microBatch(t: number, micro: number): Promise<MicroBatch> {
    const { batch_size, microBatches, objectives, collate: collating } = this.options;
    const from = t * batch_size + Math.floor((micro * batch_size) / microBatches);
    const to = t * batch_size + Math.floor(((micro + 1) * batch_size) / microBatches);
    const places = Array.from({ length: to - from }, (_, i) => this.place(from + i));
    const random = this.random.at("step", t, micro);
    const labels =
      objectives.itm === undefined || collating.itmFalse === "texts"
        ? undefined
        : itmLabels(
            places.map(({ index }) => index),
            random,
          );
    const cache: ImageCache = new Map();
    const made = await Promise.all(
      places.map(({ epoch, index }, i) => this.source.make(epoch, index, labels?.[i] === 0, cache)),
    );
    const samples = made.map(({ sample }) => sample);
    // Stacks of one height make one graph: images that a batch names twice leave room.
    const perSample = objectives.nlvr2 === undefined ? 1 : 2;
    const imageMultiple = perSample * samples.length + (labels?.filter((label) => label === 0).length ?? 0);
    return { batch: collate(samples, objectives, { ...collating, random, imageMultiple }), made };
  }

  /** Epoch and number of the sample at a place of the run. */
  private place(position: number): { readonly epoch: number; readonly index: number } {
    const { length } = this.source.units;
    const epoch = Math.floor(position / length);
    return { epoch, index: this.order(epoch)[position % length]! };
  }

  private order(epoch: number): Uint32Array {
    const known = this.orders.get(epoch) ?? this.source.units.order(epoch, this.random);
    this.orders.set(epoch, known);
    // A step reaches over two epochs at most, and those ahead over one more.
    for (const old of this.orders.keys()) if (old < epoch - 2) this.orders.delete(old);
    return known;
  }
}
