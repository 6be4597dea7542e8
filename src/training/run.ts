/** A training run, from its settings to its results: resume, batch, step, log, validate, save. */
import { Random } from "../random/index.js";
import { hubOptions, type HubOptions } from "../checkpoint/index.js";
import { ImageThreads } from "../data/index.js";
import { gatherJson, RankInterrupted, singleProcess, threadsOfRank, type Collective } from "../distributed/index.js";
import { callbackType, checkOptions, objectType, stringType, type OptionTypes } from "../arguments.js";
import { InputError } from "../errors.js";
import { Learner, NonFiniteError, textBuckets, tokenizerMasking } from "../learner/index.js";
import { dataFacts, resumeOrStart } from "./resume.js";
import { objectivesOf, openDatasets } from "./prepare-model.js";
import { findFinishedRun } from "./finished-run.js";
import { Interval } from "./interval.js";
import { learnerSettings } from "./learner-settings.js";
import { Loader, type LoadedStep } from "./loader.js";
import type { StepProgress } from "./logs/index.js";
import { runPlan } from "./plan.js";
import { allGatherStatus, anyRank, checkSameRun } from "./step-status.js";
import { RunFiles } from "./run-files.js";
import { SampleSource } from "./sample-source.js";
import { configWarnings, trainingSettings, type TrainingInput, type TrainingSettings } from "./run-settings.js";
import { presentHeads } from "../model/index.js";
import { unusedSettings } from "./unused-settings.js";
import { EpochIndex } from "./epoch-index.js";
import type { Results } from "./objective-data.js";
import { bestResults, checkValidation, theMetric, validate, validationHash } from "./validation.js";

/** One line of the log, but for validations. */
export type LogLine = Readonly<Record<string, number>>;

export interface TrainOptions extends HubOptions {
  /**
   * Allows data sets that are modules, whose code runs; their relative paths start from this folder. Without it settings that name a
   * module are refused.
   */
  readonly modulesFrom?: string;
  /** The processes that train together. Default: this one. @internal */
  readonly collective?: Collective;
  /** Ends the run after the current step, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** A promise that this or another callback returns is awaited; what it throws rejects the call. */
  readonly onStep?: (progress: StepProgress) => unknown;
  readonly onLog?: (line: LogLine) => unknown;
  readonly onValidation?: (results: Results, step: number) => unknown;
  /** Called with the progress of a validation. */
  readonly onValidationProgress?: (stage: "rows" | "pairs", done: number, total: number) => unknown;
  readonly onWarning?: (message: string) => void;
}

export interface TrainResult {
  /** Folder of the run, with the best model at its top. */
  readonly output: string;
  readonly steps: number;
  readonly maxSteps: number;
  /** Whether the run was stopped before its last step. It resumes when it is started again. */
  readonly interrupted: boolean;
  readonly bestCheckpoint: string | undefined;
  readonly lastCheckpoint: string | undefined;
  /** Results of the best checkpoint. */
  readonly results: Results;
}

const optionTypes: OptionTypes<TrainOptions> = {
  ...hubOptions,
  modulesFrom: stringType,
  collective: objectType,
  onStep: callbackType,
  onLog: callbackType,
  onValidation: callbackType,
  onValidationProgress: callbackType,
};

/** Images that the error of a step names. */
const namedImages = 8;
/** Consecutive steps without finite numbers that are skipped. */
const maxSkipped = 20;

/**
 * Trains, or resumes the run in the output folder, bit-exactly as if it had never stopped. An error thrown by a callback rejects the call.
 *
 * With several processes each calls it with the same settings; rank 0 writes all files.
 * @throws InputError for settings, data or files that do not fit, for numbers that are not finite, and if the files cannot be written
 * @example
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const output = await mkdtemp(join(tmpdir(), "run-"));
 * const result = await train({
 *   output: join(output, "itm"),
 *   start: "models/emoji",
 *   data: { train: "examples/images" },
 *   objectives: { itm: 1 },
 *   image_size: 96,
 *   batch_size: 2,
 *   max_steps: 1,
 *   learning_rate: 1e-5,
 * });
 * console.log(result.steps, result.interrupted); // 1 false
 */
export async function train(input: TrainingInput, options: TrainOptions = {}): Promise<TrainResult> {
  checkOptions("train", options, optionTypes);
  const closing: Close[] = [];
  const settings = trainingSettings(input, "settings", { allowModules: options.modulesFrom !== undefined });
  const run = runWith(settings, input, options, closing);
  const problems = await run.catch(() => undefined).then(() => closeAll(closing));
  const result = await run;
  if (problems.length > 0) throw problems[0];
  return result;
}

type Close = () => Promise<unknown>;

/** Closes open resources, the last one first. @returns the errors */
async function closeAll(closing: readonly Close[]): Promise<unknown[]> {
  const problems: unknown[] = [];
  for (const close of [...closing].reverse()) await close().catch((error: unknown) => problems.push(error));
  return problems;
}

async function runWith(
  settings: TrainingSettings,
  input: TrainingInput,
  options: TrainOptions,
  closing: Close[],
): Promise<TrainResult> {
  const { collective = singleProcess, signal, onWarning } = options;
  const isRankZero = collective.rank === 0;
  const warnings = isRankZero ? [...configWarnings(settings), ...unusedSettings(input)] : [];
  for (const warning of warnings) onWarning?.(warning);

  // --- Data, model, and the state of an earlier run

  const files = isRankZero ? await RunFiles.open(settings) : undefined;
  if (files !== undefined) closing.push(() => files.close());
  // Only now is every checkpoint in its place.
  const finishedRun = files === undefined ? undefined : await findFinishedRun(settings);
  const [known] = await gatherJson(collective, finishedRun ?? null, "start of the run");
  if (known !== null && known !== undefined) {
    const { steps, best, bestCheckpoint, lastCheckpoint } = known;
    const results = best?.results ?? {};
    const { output } = settings;
    return { output, steps, maxSteps: steps, interrupted: false, bestCheckpoint, lastCheckpoint, results };
  }
  const opening = {
    given: input.data,
    modulesFrom: options.modulesFrom,
    signal,
    onWarning: isRankZero ? onWarning : undefined,
  };
  const datasets = await openDatasets(settings, "train", opening);
  closing.push(...datasets.map((dataset) => () => dataset.close()));
  const validationSets = await openDatasets(settings, "validation", opening);
  closing.push(...validationSets.map((dataset) => () => dataset.close()));
  await checkSameRun(collective, settings, datasets, validationSets);

  const random = new Random(settings.seed).at("run");
  const start = await resumeOrStart(settings, datasets, random, options, isRankZero ? onWarning : undefined);
  const { model, values } = start;
  const facts = dataFacts(datasets);
  const objectives = objectivesOf(settings);
  const saved = new Set(model.parameters.map(({ name }) => name));
  const heads = presentHeads(model.config, (name) => saved.has(name));
  checkValidation({ settings, objectives, datasets: validationSets, heads });
  const epochIndex = EpochIndex.of(datasets, objectives, model.answers);
  if (isRankZero && epochIndex.skippedRows > 0)
    onWarning?.(`${epochIndex.skippedRows} rows lack ${epochIndex.kinds.join(" or ")} and are left out`);
  const plan = runPlan(settings, epochIndex.length, collective.size, collective.rank);
  if (isRankZero && start.microBatches !== undefined && start.microBatches !== plan.microBatches) {
    const counts = `${start.microBatches} micro-batches before, ${plan.microBatches} now`;
    onWarning?.(`the run resumes with another number of processes (${counts} in a step): random choices differ`);
  }

  // --- Threads

  const cores = threadsOfRank(collective);
  const threads = new ImageThreads({ threads: settings.num_workers, cores });
  closing.push(() => threads.dispose());
  let interval = new Interval(start.interval);
  const transform = { key: settings.train_transform, image_size: model.config.vision_config.image_size };
  const source = new SampleSource(
    epochIndex,
    threads,
    {
      objectives,
      tokenizer: model.tokenizer,
      max_text_len: settings.max_text_len,
      answers: model.answers,
      falseTexts: settings.draw_false_text,
      itmFalse: settings.itm_false,
      transform,
      seed: settings.seed,
    },
    random,
  );
  const { whole_word_masking: wholeWords, mlm_prob } = settings;
  const collating = {
    config: model.config,
    textBuckets: textBuckets(settings.max_text_len),
    masking: tokenizerMasking(model.tokenizer, { mlm_prob, wholeWords }),
    softTargets: settings.soft_targets,
    itmFalse: settings.itm_false,
  };
  const loader = new Loader(
    source,
    { ...plan, batch_size: settings.batch_size, objectives: settings.objectives, collate: collating },
    random,
  );
  const trained = new Map([...values].filter(([name]) => model.read.has(name)));
  const learner = new Learner(
    trained,
    learnerSettings({ ...settings, threads: settings.threads ?? cores }, model.config, plan.maxSteps, collective),
  );
  closing.push(() => learner.dispose());
  if (start.optimizer !== undefined) learner.restoreOptimizer(start.optimizer);

  // --- Steps

  let { step, checkpoint } = start;
  let skipped = 0;
  let interrupted = false;
  const broken = new Set<string>();
  const startTime = performance.now();
  const epochOf = (done: number) => rounded(done / plan.stepsPerEpoch);
  const wantsValidation = () =>
    validationSets.length > 0 && (step % plan.validationEvery === 0 || step === plan.maxSteps);
  /** All ranks share the validation of the checkpoint that rank 0 has saved, unless the log has it already. */
  const runValidation = async () => {
    const due = files?.isValidated(step) === false ? checkpoint : undefined;
    const [folder] = await gatherJson(collective, due ?? null, `checkpoint to validate after step ${step}`);
    if (typeof folder !== "string") return;
    const results = await validate(folder, {
      settings,
      objectives,
      datasets: validationSets,
      signal,
      onProgress: options.onValidationProgress,
      collective,
    }).catch((error: unknown) => {
      if (signal?.aborted !== true && !(error instanceof RankInterrupted)) throw error;
      interrupted = true;
    });
    // The resumed run starts with it.
    if (results === undefined || files === undefined) return;
    const compared = bestResults(settings, objectives);
    const metric = theMetric(results, compared);
    if (Number.isNaN(metric)) {
      onWarning?.(`no row counted for ${compared.join(" or ")}: the validation of step ${step} is not compared`);
    }
    await files.logValidation({ step, metric, results }, epochOf(step));
    await options.onValidation?.(results, step);
    await files.prune(step);
  };

  await files?.keepTokenizer(model.tokenizerFiles);
  const incomparable = await files?.startLog(
    step,
    validationSets.length === 0 ? undefined : validationHash({ settings, objectives, datasets: validationSets }),
  );
  if (incomparable !== undefined && incomparable > 0) {
    onWarning?.(
      `${incomparable} earlier validations had other settings or data: they do not count for the best checkpoint`,
    );
  }
  // The run may have ended between checkpoint and validation.
  if (step > 0 && wantsValidation()) await runValidation();
  interrupted = await anyRank(collective, interrupted, "status before the first step");

  while (step < plan.maxSteps && !interrupted) {
    const asked = performance.now();
    const loaded = await loader.step(step, plan.maxSteps);
    const given = performance.now();
    try {
      const report = await learner.step(step, loaded.microBatches);
      interval.add(report);
      skipped = 0;
      const stepsPerSecond = (1000 * (step + 1 - start.step)) / (performance.now() - startTime);
      await options.onStep?.({
        step: step + 1,
        max_steps: plan.maxSteps,
        epoch: epochOf(step + 1),
        loss: report.loss,
        losses: Object.fromEntries(Object.entries(report.objectives).map(([name, { loss }]) => [name, loss])),
        pairsPerSecond: stepsPerSecond * settings.batch_size,
        secondsLeft: (plan.maxSteps - step - 1) / stepsPerSecond,
      });
    } catch (error) {
      if (!(error instanceof NonFiniteError)) throw error;
      if (settings.non_finite === "stop" || ++skipped > maxSkipped) throw brokenStep(error, step, loaded, checkpoint);
      interval.skip();
      onWarning?.(`step ${step + 1} was skipped: NaN or infinity in the gradient of ${error.parameter}`);
    }
    interval.time(performance.now() - asked, given - asked);
    step++;

    const localStatus = {
      aborted: signal?.aborted === true,
      brokenImages: loaded.broken.length,
      broken: loaded.broken.slice(0, namedImages),
    };
    const status = await allGatherStatus(collective, localStatus, `status after step ${step}`);
    interrupted = status.aborted;
    interval.broken(status.brokenImages);
    for (const { name, problem } of isRankZero ? status.broken : []) {
      if (broken.size === namedImages || broken.has(name)) continue;
      broken.add(name);
      onWarning?.(`left out an image: ${problem}`);
    }
    if (step % settings.log_every_n_steps === 0 || step === plan.maxSteps) {
      const { batch_size } = settings;
      const line = {
        step,
        epoch: epochOf(step),
        ...interval.means(),
        ...interval.counts(),
        ...interval.pace(batch_size),
      };
      await files?.log(line);
      await options.onLog?.(line);
      interval = new Interval();
    }
    const saves =
      interrupted || step === plan.maxSteps || step % plan.saveEvery === 0 || step % plan.validationEvery === 0;
    if (!saves) continue;
    if (files !== undefined) {
      const progress = {
        step,
        epoch: epochOf(step),
        maxSteps: plan.maxSteps,
        interval: interval.state(),
        microBatches: plan.microBatches,
        data: facts,
      };
      checkpoint = await learner.read((state) =>
        files.save(progress, model, new Map([...values, ...state.values]), state.optimizer),
      );
      await files.prune(step);
    }
    if (wantsValidation() && !interrupted) await runValidation();
    // The signal may have been aborted while rank 0 saved, or during the validation.
    interrupted = await anyRank(collective, interrupted || signal?.aborted === true, `checkpoint of step ${step}`);
  }

  // --- Results

  const best = files?.best;
  const chosen = best === undefined ? checkpoint : files!.checkpointOf(best.step);
  const finished = step === plan.maxSteps && !interrupted;
  if (files !== undefined && chosen !== undefined && finished) {
    const seconds = (performance.now() - startTime) / 1000;
    const done = step - start.step;
    const pace = {
      train_runtime: rounded(seconds),
      train_samples_per_second: rounded((done * settings.batch_size) / seconds),
      train_steps_per_second: rounded(done / seconds),
    };
    await files.finish(chosen, best?.results ?? {}, { step, epoch: epochOf(step) }, done === 0 ? undefined : pace);
  }
  return {
    output: settings.output,
    steps: step,
    maxSteps: plan.maxSteps,
    interrupted: !finished,
    bestCheckpoint: best === undefined ? undefined : chosen,
    lastCheckpoint: checkpoint,
    results: best?.results ?? {},
  };
}

/** The error that ends the run, with the images that were in the step. */
function brokenStep(error: NonFiniteError, step: number, { images }: LoadedStep, checkpoint: string | undefined) {
  const rest = images.length > namedImages ? ` and ${images.length - namedImages} more` : "";
  const back = checkpoint === undefined ? "Start again" : `Start another run from ${checkpoint}`;
  return new InputError(
    {
      code: "non-finite-loss",
      where: `step ${step + 1} with the images ${images.slice(0, namedImages).join(", ")}${rest}`,
      expected: "finite losses and gradients",
      found: `NaN or infinity in the gradient of ${error.parameter}`,
      hint: `${back} with a lower learning_rate or a longer warm-up, or set non_finite to skip`,
    },
    { cause: error },
  );
}

const rounded = (value: number): number => Number(value.toPrecision(6));
