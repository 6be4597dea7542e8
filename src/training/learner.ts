/**
 * Training steps: losses and gradients of one or more micro-batches, then the optimizer. Every step follows from the values,
 * the optimizer's state, the batch and the seed alone.
 */
import { InputError } from "../errors.js";
import { elementCount, type Parameter } from "../graph/index.js";
import {
  headsOf,
  parameterList,
  temperatureRange,
  trainingStep,
  type BridgeTowerConfig,
  type ObjectiveName,
} from "../model/index.js";
import { Runtime, type Arrays } from "../runtime/index.js";
import {
  batchShape,
  maskedLabels,
  objectiveWeights,
  pairShares,
  sharedOut,
  type Batch,
  type BatchShape,
  type ObjectiveWeights,
  type Shares,
} from "./batch.js";
import { CachedContrast, type BatchContrast } from "./cached-contrast.js";
import { frozenBy } from "./frozen.js";
import { addInto, Optimizer, type OptimizerSettings, type ParameterState } from "./optimizer/index.js";
import { Random } from "./random/index.js";
import {
  scalar,
  StepGraph,
  trainedGradients,
  type ObjectiveReport,
  type Recompute,
  type Reports,
  type StepGraphOptions,
} from "./step-graph.js";

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
    const isFrozen = frozenBy(frozen, parameters);
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
      throw new InputError({ where: "frozen", expected: "patterns that leave something to train", found: "none left" });
    }
    const names = new Set(reached.map(({ name }) => name));
    this.unused = parameters.map(({ name }) => name).filter((name) => !isFrozen(name) && !names.has(name));
    this.gradients = new Map(reached.map(({ name, shape }) => [name, new Float32Array(elementCount(shape))]));
    this.optimizer = new Optimizer(reached, settings.optimizer, threads);
    this.random = new Random(settings.seed ?? 0).at("dropout");
    const contrastive = this.weights.filter(([name]) => name === "itc" || name === "itm_itc");
    const weight = contrastive.reduce((sum, [, weight]) => sum + weight, 0);
    this.contrast = contrastive.length === 0 ? undefined : new CachedContrast(this.options, weight);
  }

  /**
   * One optimizer step.
   * @param t optimizer steps done before, 0 at first: sets learning rate and dropout
   * @param microBatches together they make the step's batch
   * @throws InputError when a tensor of a batch is missing or misshapen, or a gradient is not finite; the values are then as before
   */
  async step(t: number, microBatches: readonly Batch[]): Promise<StepReport> {
    const count = microBatches.length;
    if (count === 0) throw new InputError({ where: "step", expected: "at least one micro-batch", found: "none" });
    clampTemperature(this.values);
    const exact = this.settings.accumulation !== "averaged";
    const labels = microBatches.map(maskedLabels);
    const allLabels = labels.reduce((total, n) => total + n, 0);
    const feeds = microBatches.map((batch, i) => ({
      ...batch,
      mlm_label_count: scalar(Math.max(exact ? allLabels / count : labels[i]!, 1)),
    }));
    const cached = exact && count > 1 && this.contrast !== undefined;
    const randoms = feeds.map((_, i) => () => this.random.at(t, i));
    const shapes = feeds.map((batch) => batchShape(batch, this.options.config, this.weights, cached));
    const shares = exact ? pairShares(shapes) : shapes.map((): Shares => ({}));
    const graphs: StepGraph[] = [];
    for (const [i, shape] of shapes.entries()) {
      graphs.push(await this.graphFor(sharedOut(shape, shares[i]!), "train"));
    }
    const contrast = cached
      ? await this.contrast.differentiate(
          feeds,
          (batch, i) => graphs[i]!.embeddings(batch, this.values, randoms[i]!()),
          this.values,
          shares.map(({ itc, itm_itc }) => itc ?? itm_itc!),
        )
      : undefined;

    const reports: Reports[] = [];
    for (const [i, batch] of feeds.entries()) {
      const into = i === 0 ? this.gradients : this.scratchGradients();
      const all = { ...batch, ...contrast?.gradientFeeds[i] };
      reports.push(await graphs[i]!.run(all, this.values, into, randoms[i]!()));
      if (i > 0) addInto(this.gradients, into);
    }
    // No micro-batch writes these.
    for (const [name, gradient] of contrast?.own ?? []) this.gradients.get(name)!.set(gradient);
    const objectives = withContrast(averaged(reports, shares), contrast);
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

/** Trained parameters that the losses depend on, whatever the sizes of a batch are. */
function reachedBy(
  config: BridgeTowerConfig,
  weights: readonly (readonly [ObjectiveName, number])[],
  options: StepGraphOptions,
): Parameter[] {
  const { image_size } = config.vision_config;
  const sizes = { texts: 2, tokens: 2, images: 2, picture: { height: image_size, width: image_size } };
  const uses = Object.fromEntries(weights.map(([name]) => [name, { pairs: 2, falseTexts: 1 }]));
  const { loss, p } = trainingStep(config, sizes, uses);
  const parts = trainedGradients(loss, p, options);
  return [...new Set(parts.map(({ parameter }) => parameter))];
}

/** Parameters that the objectives read and that the config's files hold for them. */
function parametersFor(config: BridgeTowerConfig, weights: readonly (readonly [ObjectiveName, number])[]): Parameter[] {
  const heads = new Set(weights.flatMap(([name]) => headsOf[name]));
  return [...parameterList(config, [...heads]).used];
}

/** @throws InputError for an objective that the config has no model for */
function checkObjectives(
  { contrastive_form, token_type_count }: BridgeTowerConfig,
  weights: readonly (readonly [ObjectiveName, number])[],
): void {
  const wants = (wanted: ObjectiveName) => weights.some(([name]) => name === wanted);
  if (wants("itm_itc") && contrastive_form !== "dual") {
    const expected = 'contrastive_form "dual" in config.json, whose similarities negatives are drawn by';
    throw new InputError({ where: "objective itm_itc", expected, found: `"${contrastive_form}"` });
  }
  if (wants("nlvr2") && token_type_count < 3) {
    const expected = "token_type_count 3 in config.json, with a row for the second picture";
    throw new InputError({ where: "objective nlvr2", expected, found: String(token_type_count) });
  }
}

function checkValues(parameters: readonly Parameter[], values: Arrays): void {
  const wrong = parameters.flatMap(({ name, shape }) => {
    const needed = elementCount(shape);
    const found = values.get(name)?.length;
    return found === needed ? [] : [`${name} (${needed} values, found ${found ?? "nothing"})`];
  });
  if (wrong.length === 0) return;
  throw new InputError({
    where: "values",
    expected: "every parameter of the model and of the heads that are trained",
    found: `${wrong.length} that do not fit: ${wrong.slice(0, 8).join(", ")}${wrong.length > 8 ? ", …" : ""}`,
    mend: "Make them with startingValues for this config",
  });
}

/** The authors' code clamps the temperature in place before each use. */
function clampTemperature(values: Arrays): void {
  const temperature = values.get("temperature");
  const [low, high] = temperatureRange;
  if (temperature !== undefined) temperature[0] = Math.min(Math.max(temperature[0]!, low), high);
}

/** @param shares of the micro-batches in each objective's mean */
function averaged(reports: readonly Reports[], shares: readonly Shares[]): Reports {
  const mean = (name: ObjectiveName, field: keyof ObjectiveReport) =>
    reports.reduce((sum, report, i) => sum + (shares[i]![name] ?? 1) * report[name]![field], 0) / reports.length;
  const names = Object.keys(reports[0]!) as ObjectiveName[];
  return Object.fromEntries(names.map((name) => [name, { loss: mean(name, "loss"), score: mean(name, "score") }]));
}

/** The contrastive objective's report with the loss over the whole batch. */
function withContrast(reports: Reports, contrast: BatchContrast | undefined): Reports {
  if (contrast === undefined) return reports;
  const { itc, itm_itc } = reports;
  return {
    ...reports,
    ...(itc === undefined ? {} : { itc: { loss: contrast.loss, score: contrast.score } }),
    ...(itm_itc === undefined ? {} : { itm_itc: { loss: itm_itc.loss + contrast.loss, score: itm_itc.score } }),
  };
}
