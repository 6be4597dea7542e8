/**
 * Training steps: losses and gradients of one or more micro-batches, then the optimizer. Every step follows from the values,
 * the optimizer's state, the batch and the seed alone.
 */
import { alone, type Collective } from "../distributed/index.js";
import { InputError } from "../errors.js";
import { elementCount } from "../graph/index.js";
import { temperatureRange, type BridgeTowerConfig, type ObjectiveName } from "../model/index.js";
import { Runtime, type Arrays } from "../runtime/index.js";
import {
  batchShape,
  checkImageIds,
  maskedLabels,
  objectiveWeights,
  pairShares,
  sharedOut,
  type Batch,
  type BatchShape,
  type ObjectiveWeights,
  type Shares,
} from "./batch.js";
import { CachedContrast } from "./cached-contrast.js";
import { matching } from "./name-patterns.js";
import { addInto, Optimizer, type OptimizerSettings, type ParameterState } from "./optimizer/index.js";
import { Random } from "../random/index.js";
import { allMicroBatches, digest, flattened, type Agreed } from "./collective-checks.js";
import { allReports, averaged, withContrast } from "./reports.js";
import { scalar, StepGraph, type Recompute, type Reports, type StepGraphOptions } from "./step-graph.js";
import { checkObjectives, checkValues, parametersFor, reachedBy } from "./trained-parameters.js";

export interface LearnerSettings {
  readonly config: BridgeTowerConfig;
  /** What is trained, and the weight of each loss in the sum. */
  readonly objectives: ObjectiveWeights;
  readonly optimizer: OptimizerSettings;
  /** Names of parameters that stay as they are; `*` stands for any run of characters, as in `text_model.*`. */
  readonly frozen?: readonly string[];
  /** What is computed again in the backward half instead of being kept: less memory for more time. Default `cheap`. */
  readonly recompute?: Recompute;
  /**
   * How several micro-batches make a step. `exact` (default): as one batch of them all, also for contrast and masked tokens.
   * `averaged`: each has its own loss, and the losses are averaged, as the authors' code does.
   */
  readonly accumulation?: "exact" | "averaged";
  /** Of dropout. Default 0. */
  readonly seed?: number;
  /**
   * The processes that train together, each with as many micro-batches of a step; rank 0's come first. A step is that of one process
   * which is given them all. Default: this one alone.
   */
  readonly collective?: Collective;
  /** Start of the names of the files to which ONNX Runtime writes the time of every node when the learner is disposed of. */
  readonly profile?: string;
  /** Of ONNX Runtime and of the optimizer; all cores by default. */
  readonly threads?: number;
}

export interface StepReport {
  /** Σ weight · loss of the objectives. */
  readonly loss: number;
  readonly objectives: Reports;
  /** L2 norm over all gradients, before clipping. */
  readonly gradientNorm: number;
  /** Of the base group. */
  readonly learningRate: number;
}

export class Learner {
  private readonly runtime = new Runtime();
  private readonly graphs = new Map<string, Promise<StepGraph>>();
  private readonly options: StepGraphOptions;
  private readonly weights: readonly [ObjectiveName, number][];
  private readonly contrast: CachedContrast | undefined;
  private readonly optimizer: Optimizer;
  private readonly gradients: Arrays;
  /** Of all micro-batches but the first. */
  private readonly scratch: Arrays = new Map();
  private readonly random: Random;
  private readonly collective: Collective;
  /** Whether all ranks were found to start from the same values. */
  private startAgreed = false;
  /** Trained parameters that no objective reads, which stay as they are. */
  readonly unused: readonly string[];

  /**
   * @param values of every parameter that the objectives need, each with a buffer of its own; the learner changes them
   * @throws InputError naming what is missing, misshapen or matches nothing
   */
  constructor(
    private readonly values: Arrays,
    private readonly settings: LearnerSettings,
  ) {
    const { config, objectives, frozen = [], threads } = settings;
    this.weights = objectiveWeights(objectives);
    checkObjectives(config, this.weights);
    const parameters = parametersFor(config, this.weights);
    checkValues(parameters, values);
    const isFrozen = matching(
      "frozen",
      frozen,
      parameters.map(({ name }) => name),
    );
    this.options = {
      config,
      trains: (name) => !isFrozen(name),
      recompute: settings.recompute ?? "cheap",
      runtime: this.runtime,
      threads,
      profile: settings.profile,
    };
    const reached = reachedBy(config, this.weights, this.options);
    if (reached.length === 0) {
      throw new InputError({
        code: "invalid-setting",
        where: "frozen",
        expected: "patterns that leave something to train",
        found: "none left",
      });
    }
    const names = new Set(reached.map(({ name }) => name));
    this.unused = parameters.map(({ name }) => name).filter((name) => !isFrozen(name) && !names.has(name));
    this.gradients = new Map(reached.map(({ name, shape }) => [name, new Float32Array(elementCount(shape))]));
    this.optimizer = new Optimizer(reached, settings.optimizer, threads);
    this.random = new Random(settings.seed ?? 0).at("dropout");
    this.collective = settings.collective ?? alone;
    const contrastive = this.weights.filter(([name]) => name === "itc" || name === "itm_itc");
    const weight = contrastive.reduce((sum, [, weight]) => sum + weight, 0);
    this.contrast = contrastive.length === 0 ? undefined : new CachedContrast(this.options, weight, this.collective);
  }

  /**
   * One optimizer step, on all ranks together.
   * @param t optimizer steps done before, 0 at first: sets learning rate and dropout
   * @param microBatches of this rank; with those of the others they make the step's batch
   * @returns the same on every rank, as the values are
   * @throws InputError when a tensor of a batch is missing or misshapen, or a gradient is not finite; the values are then as before
   */
  async step(t: number, microBatches: readonly Batch[]): Promise<StepReport> {
    if (microBatches.length === 0) {
      throw new InputError({
        code: "invalid-argument",
        where: "step",
        expected: "at least one micro-batch",
        found: "none",
      });
    }
    const { collective } = this;
    clampTemperature(this.values);
    const count = microBatches.length * collective.size;
    const first = microBatches.length * collective.rank;
    const exact = this.settings.accumulation !== "averaged";
    const cached = exact && count > 1 && this.contrast !== undefined;
    const sizes = microBatches.map((batch) => ({
      ...batchShape(batch, this.options.config, this.weights, cached),
      labels: maskedLabels(batch),
    }));
    const all = await allMicroBatches(collective, sizes, () => this.agreed(t, microBatches.length));
    this.startAgreed = true;
    if (cached) checkImageIds(all);
    const allLabels = all.reduce((total, { labels }) => total + labels, 0);
    const feeds = microBatches.map((batch, i) => ({
      ...batch,
      mlm_label_count: scalar(exact ? Math.max(allLabels, 1) / count : Math.max(sizes[i]!.labels, 1)),
    }));
    const randomOf = (i: number) => this.random.at(t, first + i);
    const allShares = exact ? pairShares(all) : all.map((): Shares => ({}));
    const shares = allShares.slice(first, first + microBatches.length);
    const graphs: StepGraph[] = [];
    for (const [i, shape] of sizes.entries()) {
      graphs.push(await this.graphFor(sharedOut(shape, shares[i]!), "train"));
    }
    const contrast = cached
      ? await this.contrast.differentiate(
          feeds,
          (batch, i) => graphs[i]!.embeddings(batch, this.values, randomOf(i)),
          this.values,
          shares.map(({ itc, itm_itc }) => itc ?? itm_itc!),
        )
      : undefined;

    const reports: Reports[] = [];
    for (const [i, batch] of feeds.entries()) {
      const into = i === 0 ? this.gradients : this.scratchGradients();
      const inputs = { ...batch, ...contrast?.gradientFeeds[i] };
      reports.push(await graphs[i]!.run(inputs, this.values, into, randomOf(i)));
      if (i > 0) addInto(this.gradients, into);
    }
    // No micro-batch writes these.
    for (const [name, gradient] of contrast?.own ?? []) this.gradients.get(name)!.set(gradient);
    await collective.sum([...this.gradients.values()]);
    const objectives = withContrast(averaged(await allReports(collective, reports), allShares), contrast);
    const { gradientNorm, learningRate } = await this.optimizer.step(t, this.values, this.gradients, {
      gradientScale: 1 / count,
    });
    return { loss: this.total(objectives), objectives, gradientNorm, learningRate };
  }

  /** Losses and scores of a batch as the model is, without dropout. */
  async evaluate(batch: Batch): Promise<Reports> {
    const feeds = { ...batch, mlm_label_count: scalar(Math.max(maskedLabels(batch), 1)) };
    const graph = await this.graphFor(batchShape(feeds, this.options.config, this.weights, false), "judge");
    return graph.run(feeds, this.values, new Map(), this.random);
  }

  /** The values of all parameters by name; empty while a step is under way. */
  parameters(): ReadonlyMap<string, Float32Array> {
    return this.values;
  }

  /** What a run needs beside the values to go on from here. */
  optimizerState(): Map<string, ParameterState> {
    return this.optimizer.state();
  }

  /** Goes on from what `optimizerState` gave. */
  restoreOptimizer(state: ReadonlyMap<string, ParameterState>): void {
    this.optimizer.restore(state);
  }

  /** Ends all threads. */
  async dispose(): Promise<void> {
    for (const graph of this.graphs.values()) await graph.then((compiled) => compiled.dispose()).catch(() => undefined);
    await Promise.all([this.runtime.dispose(), this.optimizer.dispose()]);
  }

  private total(objectives: Reports): number {
    return this.weights.reduce((total, [name, weight]) => total + weight * objectives[name]!.loss, 0);
  }

  /** What a step depends on beside the batches; what cannot change any more is left out. */
  private agreed(t: number, microBatches: number): Agreed {
    const { config, objectives, optimizer, frozen = [], accumulation = "exact", seed = 0 } = this.settings;
    return {
      step: t,
      "micro-batches": microBatches,
      ...(this.startAgreed
        ? {}
        : { ...flattened({ config, objectives, optimizer, frozen, accumulation, seed }), values: digest(this.values) }),
    };
  }

  private graphFor(shape: BatchShape, mode: "train" | "judge"): Promise<StepGraph> {
    const key = `${mode} ${JSON.stringify(shape)}`;
    const known = this.graphs.get(key) ?? StepGraph.compile(shape, mode, this.options);
    this.graphs.set(key, known);
    return known;
  }

  private scratchGradients(): Arrays {
    if (this.scratch.size === 0) {
      for (const [name, { length }] of this.gradients) this.scratch.set(name, new Float32Array(length));
    }
    return this.scratch;
  }
}

/** The authors' code clamps the temperature in place before each use. */
function clampTemperature(values: Arrays): void {
  const temperature = values.get("temperature");
  const [low, high] = temperatureRange;
  if (temperature !== undefined) temperature[0] = Math.min(Math.max(temperature[0]!, low), high);
}
