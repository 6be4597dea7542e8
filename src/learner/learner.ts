/**
 * Training steps: losses and gradients of one or more micro-batches, then the optimizer. A step depends on the values, the optimizer's
 * state, the batch and the seed alone.
 */
import { singleProcess, type Collective, type Facts } from "../distributed/index.js";
import {
  callbackType,
  checkArgument,
  checkOptions,
  instanceOf,
  listOf,
  objectType,
  oneOf,
  seedType,
  signalType,
  stringType,
  wholeNumber,
  type ArgumentType,
  type OptionTypes,
} from "../arguments.js";
import { InputError } from "../errors.js";
import { elementCount, HostTensor } from "../graph/index.js";
import { clampTemperature, objectiveEntry, type BridgeTowerConfig, type ObjectiveName } from "../model/index.js";
import { Random } from "../random/index.js";
import { GraphCache, Runtime, type Arrays } from "../runtime/index.js";
import { abortable } from "../threads/index.js";
import {
  batchShape,
  checkImageIds,
  countMaskedTokens,
  microBatchWeights,
  objectiveWeights,
  scaleWeights,
  type Batch,
  type BatchShape,
  type MicroBatchWeights,
  type ObjectiveWeights,
} from "./batch.js";
import { CachedContrast, withContrast } from "./cached-contrast.js";
import {
  CompiledStep,
  recomputeModes,
  scalar,
  type CompileOptions,
  type Mode,
  type Recompute,
  type Reports,
} from "./compiled-step.js";
import {
  addInto,
  Optimizer,
  optimizerSettings,
  type OptimizerSettings,
  type ParameterState,
} from "./optimizer/index.js";
import { allMicroBatches, allReports, averaged, digest, flattened } from "./rank-exchange.js";
import { checkObjectives, checkValues, nameMatcher, parametersFor, reachedBy } from "./trained-parameters.js";

export interface LearnerSettings {
  readonly config: BridgeTowerConfig;
  /** Weight of each loss in the sum. */
  readonly objectives: ObjectiveWeights;
  readonly optimizer: OptimizerSettings;
  /** Names of parameters that are not trained; `*` matches any characters, as in `text_model.*`. */
  readonly frozen?: readonly string[];
  /** Activations that the backward pass recomputes instead of keeping them: less memory for more time. Default `cheap`. */
  readonly recompute?: Recompute;
  /**
   * How several micro-batches make a step. `exact` (default): as one batch of all of them, also for contrast and masked tokens.
   * `averaged`: the losses of the micro-batches are averaged, as in the authors' code.
   */
  readonly accumulation?: "exact" | "averaged";
  /** Seed of dropout. Default 0. */
  readonly seed?: number;
  /**
   * The processes that train together, each with the same number of micro-batches in a step; those of rank 0 come first. A step equals that
   * of one process with all of them. Default: this process alone.
   * @internal
   */
  readonly collective?: Collective;
  /** Prefix of the files to which ONNX Runtime writes the time of every node when the learner is disposed of. */
  readonly profile?: string;
  /** Threads of ONNX Runtime and of the optimizer; all cores by default. */
  readonly threads?: number;
}

/** Options of one call of a learner. */
export interface LearnerCallOptions {
  /**
   * Rejects the call with `signal.reason` and leaves the values as before. What a thread computes meanwhile is dropped, and the next call
   * waits for its end. A step whose optimizer has begun is completed.
   */
  readonly signal?: AbortSignal | undefined;
}

const configType: ArgumentType = {
  expected: "a config, as parseConfig gives it",
  accepts: (value) => {
    const { text_config, vision_config } = Object(value) as Partial<Record<keyof BridgeTowerConfig, unknown>>;
    return objectType.accepts(text_config) && objectType.accepts(vision_config);
  },
};
const settingTypes: OptionTypes<LearnerSettings> = {
  config: configType,
  objectives: objectType,
  optimizer: objectType,
  frozen: listOf(stringType),
  recompute: oneOf(recomputeModes),
  accumulation: oneOf(["exact", "averaged"]),
  seed: seedType,
  collective: objectType,
  profile: stringType,
  threads: wholeNumber(1),
};
const callOptions: OptionTypes<LearnerCallOptions> = { signal: signalType };
const arraysType = instanceOf(Map);
const batchType: ArgumentType = {
  expected: "a batch of tensors, as collate makes it",
  accepts: (value) =>
    objectType.accepts(value) && Object.values(value as object).every((tensor) => tensor instanceof HostTensor),
};

export interface StepReport {
  /** Σ weight · loss of the objectives. */
  readonly loss: number;
  readonly objectives: Reports;
  /** L2 norm over all gradients, before clipping. */
  readonly gradientNorm: number;
  /** Learning rate of the base group. */
  readonly learningRate: number;
}

/** Live arrays of a learner, by parameter. */
export interface LearnerState {
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly optimizer: ReadonlyMap<string, ParameterState>;
}

/** Graphs that stay compiled, one for each shape of a batch: text widths and numbers of images, for training and evaluation. */
const maxGraphs = 32;

/**
 * Trains a model step by step.
 * @example
 * const start = await openStart("models/emoji");
 * const config = parseConfig(await startingConfig([start], {}));
 * const initialize = initializer(config, "transformers", new Random(0));
 * const { values } = await startingValues(parameterList(config, ["itm"]).used, [start], initialize);
 *
 * const { tokenizer, imageProcessor } = await BridgeTowerProcessor.fromPretrained("models/emoji");
 * const { pixel_values } = await imageProcessor.preprocess(["examples/images/000.png", "examples/images/001.png"]);
 * const samples = ["an angel", "a fox"].map((text, i) => ({
 *   index: i,
 *   image: { id: i, pixel_values: pixel_values.row(i) },
 *   falseImage: { id: 1 - i, pixel_values: pixel_values.row(1 - i) },
 *   caption: tokenizer.encode(text).ids,
 * }));
 * const batch = collate(samples, { itm: 1 }, { config, random: new Random(0), textBuckets: [8] });
 *
 * const optimizer = optimizerSettings({ learning_rate: 1e-4, warmup_steps: 0, max_steps: 10 });
 * await using learner = new Learner(values, { config, objectives: { itm: 1 }, optimizer });
 * const { loss } = await learner.step(0, [batch]);
 * console.log(Number.isFinite(loss)); // true
 */
export class Learner implements AsyncDisposable {
  private readonly runtime: Runtime;
  private readonly graphs = new GraphCache<CompiledStep>(maxGraphs);
  private readonly options: CompileOptions;
  private readonly weights: readonly [ObjectiveName, number][];
  private readonly contrast: CachedContrast | undefined;
  /** A contrastive objective. If there are several, all have the same pairs. */
  private readonly contrastive: ObjectiveName | undefined;
  private readonly optimizer: Optimizer;
  private readonly gradients: Arrays;
  /** Gradients of all micro-batches but the first. */
  private readonly scratch: Arrays = new Map();
  private readonly random: Random;
  private readonly collective: Collective;
  /** Whether all ranks were found to start from the same values. */
  private startAgreed = false;
  /** The call that uses the values and the optimizer's state. */
  private underWay: string | undefined;
  /** The work of an aborted call. It has arrays of this learner until it ends. */
  private abandoned: Promise<void> = Promise.resolve();
  /** Trained parameters that no objective reads: no step changes them. */
  readonly unused: readonly string[];

  /**
   * @param values of every parameter that the objectives need, each with a separate buffer; steps change them
   * @throws InputError naming the parameter or pattern that is missing, misshapen or matches no parameter, before any thread has started
   */
  constructor(
    private readonly values: Arrays,
    private readonly settings: LearnerSettings,
  ) {
    checkArgument("values", values, arraysType);
    checkOptions("Learner", settings, settingTypes);
    const { config, objectives, frozen = [], threads } = settings;
    checkArgument("config", config, configType);
    checkArgument("objectives", objectives, objectType);
    checkArgument("optimizer", settings.optimizer, objectType);
    this.weights = objectiveWeights(objectives);
    checkObjectives(config, this.weights);
    const parameters = parametersFor(config, this.weights);
    checkValues(parameters, values);
    const isFrozen = nameMatcher(
      "frozen",
      frozen,
      parameters.map(({ name }) => name),
    );
    const trains = (name: string) => !isFrozen(name);
    const reached = reachedBy(config, this.weights, trains);
    if (reached.length === 0) {
      throw new InputError({
        code: "invalid-setting",
        where: "frozen",
        expected: "patterns that leave at least one parameter to train",
        found: "none left",
      });
    }
    const names = new Set(reached.map(({ name }) => name));
    this.unused = parameters.map(({ name }) => name).filter((name) => trains(name) && !names.has(name));
    this.gradients = new Map(reached.map(({ name, shape }) => [name, new Float32Array(elementCount(shape))]));
    this.random = new Random(settings.seed ?? 0).at("dropout");
    this.collective = settings.collective ?? singleProcess;
    // Threads start here, after every check.
    this.optimizer = new Optimizer(reached, optimizerSettings(settings.optimizer), threads);
    this.runtime = new Runtime();
    this.options = {
      config,
      trains,
      recompute: settings.recompute ?? "cheap",
      runtime: this.runtime,
      threads,
      profile: settings.profile,
    };
    const contrastive = this.weights.filter(([name]) => objectiveEntry(name).contrast !== undefined);
    const weight = contrastive.reduce((sum, [, weight]) => sum + weight, 0);
    this.contrastive = contrastive[0]?.[0];
    this.contrast = contrastive.length === 0 ? undefined : new CachedContrast(this.options, weight, this.collective);
  }

  /**
   * One optimizer step, on all ranks together.
   * @param t optimizer steps done before, 0 at first: determines learning rate and dropout
   * @param microBatches of this rank; those of all ranks together are the batch of the step
   * @returns the same on every rank, as the values are
   * @throws InputError when a tensor of a batch is missing or misshapen, or a gradient is not finite; the values are then as before
   */
  async step(t: number, microBatches: readonly Batch[], options: LearnerCallOptions = {}): Promise<StepReport> {
    checkArgument("step", t, wholeNumber(0));
    checkArgument("micro-batches", microBatches, listOf(batchType));
    checkOptions("step", options, callOptions);
    const { signal } = options;
    return this.exclusive("step", signal, () => this.runStep(t, microBatches, signal));
  }

  /** Losses and scores of a batch in eval mode, without dropout. */
  async evaluate(batch: Batch, options: LearnerCallOptions = {}): Promise<Reports> {
    checkArgument("batch", batch, batchType);
    checkOptions("evaluate", options, callOptions);
    const { signal } = options;
    return this.exclusive("evaluate", signal, () => {
      const feeds = { ...batch, mlm_label_count: scalar(Math.max(countMaskedTokens(batch), 1)) };
      const shape = batchShape(feeds, this.options.config, this.weights, false);
      const work = this.withGraph(shape, "eval", (graph) => graph.run(feeds, this.values, new Map(), this.random));
      return this.abandonable(work, signal);
    });
  }

  /**
   * Reads the values of all parameters and the optimizer's state, for instance to save them. A step transfers these arrays to
   * other threads, so none may run before `use` has ended, and `use` copies what it keeps longer.
   */
  async read<T>(use: (state: LearnerState) => T | Promise<T>): Promise<T> {
    checkArgument("use", use, callbackType);
    return this.exclusive("read", undefined, async () =>
      use({ values: this.values, optimizer: this.optimizer.state() }),
    );
  }

  /** Resumes from an optimizer state that `read` gave. */
  restoreOptimizer(state: ReadonlyMap<string, ParameterState>): void {
    checkArgument("state", state, arraysType);
    this.requireIdle("restoreOptimizer");
    this.optimizer.restore(state);
  }

  /** Ends all threads. */
  async dispose(): Promise<void> {
    await Promise.all([this.graphs.dispose(), this.contrast?.dispose()]);
    await Promise.all([this.runtime.dispose(), this.optimizer.dispose()]);
  }

  /** `dispose`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  private async runStep(
    t: number,
    microBatches: readonly Batch[],
    signal: AbortSignal | undefined,
  ): Promise<StepReport> {
    const { objectives, count } = await this.abandonable(this.differentiate(t, microBatches, signal), signal);
    const { gradientNorm, learningRate } = await this.optimizer.step(t, this.values, this.gradients, {
      gradientScale: 1 / count,
    });
    return { loss: this.total(objectives), objectives, gradientNorm, learningRate };
  }

  /** The gradients of all micro-batches, summed over all ranks. @returns reports, and the number of micro-batches of all ranks */
  private async differentiate(
    t: number,
    microBatches: readonly Batch[],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly objectives: Reports; readonly count: number }> {
    if (microBatches.length === 0) {
      throw new InputError({
        code: "invalid-argument",
        where: "step",
        expected: "at least one micro-batch",
        found: "none",
      });
    }
    const { collective } = this;
    clampTemperatureIn(this.values);
    const count = microBatches.length * collective.size;
    const first = microBatches.length * collective.rank;
    const exact = this.settings.accumulation !== "averaged";
    const cached = exact && count > 1 && this.contrast !== undefined;
    const sizes = microBatches.map((batch) => ({
      ...batchShape(batch, this.options.config, this.weights, cached),
      maskedTokens: countMaskedTokens(batch),
    }));
    const all = await allMicroBatches(
      collective,
      sizes,
      () => this.facts(t, microBatches.length),
      "micro-batches of a step",
    );
    this.startAgreed = true;
    if (cached) checkImageIds(all);
    const allMaskedTokens = all.reduce((total, { maskedTokens }) => total + maskedTokens, 0);
    const feeds = microBatches.map((batch, i) => ({
      ...batch,
      mlm_label_count: scalar(exact ? Math.max(allMaskedTokens, 1) / count : Math.max(sizes[i]!.maskedTokens, 1)),
    }));
    const allWeights = exact ? microBatchWeights(all) : all.map((): MicroBatchWeights => ({}));
    const weights = allWeights.slice(first, first + microBatches.length);
    const shapes = sizes.map(({ sizes, uses }, i) => scaleWeights({ sizes, uses }, weights[i]!));
    const randomOf = (i: number) => this.random.at(t, first + i);

    const contrast = cached
      ? await this.contrast.differentiate(
          feeds,
          (batch, i) =>
            this.withGraph(shapes[i]!, "train", (graph) => graph.embeddings(batch, this.values, randomOf(i))),
          this.values,
          weights.map((ofMicroBatch) => ofMicroBatch[this.contrastive!]!),
        )
      : undefined;
    const reports: Reports[] = [];
    for (const [i, batch] of feeds.entries()) {
      signal?.throwIfAborted();
      const into = i === 0 ? this.gradients : this.scratchGradients();
      const inputs = { ...batch, ...contrast?.gradientFeeds[i] };
      reports.push(
        await this.withGraph(shapes[i]!, "train", (graph) => graph.run(inputs, this.values, into, randomOf(i))),
      );
      if (i > 0) await addInto(this.gradients, into);
    }
    // No micro-batch writes these.
    for (const [name, gradient] of contrast?.scaleGradients ?? []) this.gradients.get(name)!.set(gradient);
    await collective.sum([...this.gradients.values()], "gradients");
    return { objectives: withContrast(averaged(await allReports(collective, reports), allWeights), contrast), count };
  }

  private total(objectives: Reports): number {
    return this.weights.reduce((total, [name, weight]) => total + weight * objectives[name]!.loss, 0);
  }

  /** Facts that must be equal on all ranks. Settings and values are compared only in the first step, because they cannot differ later. */
  private facts(t: number, microBatches: number): Facts {
    const { config, objectives, optimizer, frozen = [], accumulation = "exact", seed = 0 } = this.settings;
    return {
      step: t,
      "micro-batches": microBatches,
      ...(this.startAgreed
        ? {}
        : { ...flattened({ config, objectives, optimizer, frozen, accumulation, seed }), values: digest(this.values) }),
    };
  }

  private withGraph<T>(shape: BatchShape, mode: Mode, run: (graph: CompiledStep) => Promise<T>): Promise<T> {
    const compile = () => CompiledStep.compile(shape, mode, this.options);
    return this.graphs.use(`${mode} ${JSON.stringify(shape)}`, compile, run);
  }

  private async exclusive<T>(call: string, signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    this.requireIdle(call);
    this.underWay = call;
    try {
      await abortable(this.abandoned, signal);
      return await act();
    } finally {
      this.underWay = undefined;
    }
  }

  /** Settles as `work` does, or rejects as soon as the signal is aborted. */
  private abandonable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    this.abandoned = work.then(
      () => undefined,
      () => undefined,
    );
    return abortable(work, signal);
  }

  private requireIdle(call: string): void {
    if (this.underWay === undefined) return;
    throw new InputError({
      code: "invalid-argument",
      where: `Learner.${call}`,
      expected: "one call at a time",
      found: `${this.underWay} in progress`,
      hint: "Await it first",
    });
  }

  private scratchGradients(): Arrays {
    if (this.scratch.size === 0) {
      for (const [name, { length }] of this.gradients) this.scratch.set(name, new Float32Array(length));
    }
    return this.scratch;
  }
}

/** The authors' code clamps the temperature in place before each use. */
function clampTemperatureIn(values: Arrays): void {
  const temperature = values.get("temperature");
  if (temperature !== undefined) temperature[0] = clampTemperature(temperature[0]!);
}
