/** The files of a run: lock, log, checkpoints, results. Only rank 0 has them. */
import { copyAtomically, hashFile, isFile, readJsonObjectIfPresent, replaceFiles, writeJson } from "../files/index.js";
import { join } from "node:path";

import { answerListName, tokenizerFiles, tokenizerNames } from "../checkpoint/index.js";
import { HostTensor } from "../graph/index.js";
import {
  checkpointName,
  findCheckpoints,
  lockRun,
  pruneCheckpoints,
  publishModel,
  saveRunCheckpoint,
  type Moments,
} from "./checkpoints/index.js";
import { writeFinishedRun } from "./finished-run.js";
import type { DataFacts, ResumeState } from "./resume.js";
import type { RunModel } from "./prepare-model.js";
import type { IntervalState } from "./interval.js";
import { readLog, RunLog, TensorBoardWriter, writeCurves, type LogRecord } from "./logs/index.js";
import type { TrainingSettings } from "./run-settings.js";
import type { Results } from "./objective-data.js";

/** A validation in the log. */
export interface ValidationRecord {
  readonly step: number;
  /** Larger is better. Only validations of the same settings and data are compared. */
  readonly metric: number;
  readonly results: Results;
  /** `validationHash` of its settings and data. */
  readonly hash: number | undefined;
}

/** The progress of the run, for a checkpoint. */
export interface Progress {
  /** Steps done. */
  readonly step: number;
  readonly epoch: number;
  readonly maxSteps: number;
  readonly interval: IntervalState;
  /** Micro-batches of a step, over all processes. */
  readonly microBatches: number;
  readonly data: DataFacts;
}

/** Prefix of the results of a validation in a line of the log. */
const resultPrefix = "eval_";
const metricName = "eval_the_metric";
const hashName = "eval_settings_hash";
const tokenizerConfigName = "tokenizer_config.json";

export class RunFiles {
  private readonly tokenizer = new Map<string, string>();
  private readonly history: LogRecord[] = [];
  private validations: ValidationRecord[] = [];
  /** Of the validations of this process. */
  private validationHash: number | undefined;
  /** Steps of validations whose checkpoints were deleted. */
  private readonly deleted = new Set<number>();

  private constructor(
    readonly output: string,
    private readonly lock: { release(): Promise<void> },
    private readonly settings: TrainingSettings,
    private logs: { readonly lines: RunLog; readonly board: TensorBoardWriter } | undefined,
  ) {}

  /** @throws InputError when another run has the folder, or it cannot be written */
  static async open(settings: TrainingSettings): Promise<RunFiles> {
    return new RunFiles(settings.output, await lockRun(settings.output), settings, undefined);
  }

  /**
   * Copies the tokenizer to the top of the folder: the starting point may move, and old checkpoints are deleted. The config of a published
   * model with another tokenizer is removed, so that it is not loaded with this tokenizer.
   */
  async keepTokenizer(files: ReadonlyMap<string, string>): Promise<void> {
    const old = await tokenizerFiles(this.output);
    const isSame = async (name: string, path: string) =>
      old.has(name) && (await hashFile(path)) === (await hashFile(old.get(name)!));
    const same = await Promise.all([...files].map(([name, path]) => isSame(name, path)));
    if (old.size !== files.size || same.includes(false)) {
      await replaceFiles(this.output, [...tokenizerNames, "config.json"], async (unfinished) => {
        for (const [name, path] of files) await copyAtomically(path, join(unfinished, name));
      });
    }
    for (const name of files.keys()) this.tokenizer.set(name, join(this.output, name));
  }

  /**
   * Opens the log and drops its lines after `step`, whose steps are repeated.
   * @param validationHash of the validations to come
   * @returns the number of earlier validations that are not comparable with them
   */
  async startLog(step: number, validationHash?: number): Promise<number> {
    this.validationHash = validationHash;
    // A new run hides the events of an earlier one in this folder.
    const from = step === 0 ? {} : { fromStep: step };
    const lines = await RunLog.open(this.output, from);
    const board = await TensorBoardWriter.open(this.output, from);
    this.logs = { lines, board };
    if (step === 0)
      await board.text(0, "settings", `    ${JSON.stringify(this.settings, null, 2).replaceAll("\n", "\n    ")}`);
    for await (const record of readLog(this.output)) this.history.push(record);
    this.validations = this.history.flatMap(validationsIn);
    const { checkpoints } = await findCheckpoints(this.output);
    const existing = new Set(checkpoints.map((checkpoint) => checkpoint.step));
    for (const one of this.validations) if (!existing.has(one.step)) this.deleted.add(one.step);
    return this.validations.length - this.comparable.length;
  }

  private get comparable(): readonly ValidationRecord[] {
    return this.validations.filter(({ hash }) => hash === this.validationHash);
  }

  /** The validation with the largest metric whose checkpoint exists; of equal ones the last, which has learned more. */
  get best(): ValidationRecord | undefined {
    return this.comparable
      .filter((one) => Number.isFinite(one.metric) && !this.deleted.has(one.step))
      .reduce<ValidationRecord | undefined>(
        (best, one) => (best === undefined || one.metric >= best.metric ? one : best),
        undefined,
      );
  }

  isValidated(step: number): boolean {
    return this.comparable.some((one) => one.step === step);
  }

  checkpointOf(step: number): string {
    return join(this.output, checkpointName(step));
  }

  async log(line: LogRecord & Readonly<Record<string, number>>): Promise<void> {
    this.history.push(line);
    await this.logs!.lines.append(line);
    const { step, ...values } = line;
    const tags = Object.entries(values)
      .filter(([name]) => name !== hashName)
      .map(([name, value]) => [
        name.startsWith(resultPrefix) ? `eval/${name.slice(resultPrefix.length)}` : `train/${name}`,
        value,
      ]);
    await this.logs!.board.scalars(step, Object.fromEntries(tags) as Record<string, number>);
  }

  async logValidation(validation: Omit<ValidationRecord, "hash">, epoch: number): Promise<void> {
    const { step, metric, results } = validation;
    const hash = this.validationHash;
    const found = Object.entries(results).map(([name, value]) => [resultPrefix + name, value]);
    const line = { step, epoch, ...(Object.fromEntries(found) as Results), [metricName]: metric };
    await this.log(hash === undefined ? line : { ...line, [hashName]: hash });
    this.validations.push({ ...validation, hash });
  }

  /** @returns the folder of the checkpoint */
  async save(
    progress: Progress,
    model: RunModel,
    values: ReadonlyMap<string, Float32Array>,
    optimizer: ReadonlyMap<string, Moments>,
  ): Promise<string> {
    const { step, epoch, maxSteps, interval, microBatches, data } = progress;
    const resumeState: ResumeState = { interval, microBatches, data };
    const { settings, best } = this;
    const { answers } = model;
    await this.logs!.lines.sync();
    await this.logs!.board.flush();
    const files = new Map(this.tokenizer);
    files.delete(tokenizerConfigName);
    const tokenizerConfig = await readJsonObjectIfPresent(join(this.output, tokenizerConfigName));
    return saveRunCheckpoint(this.output, {
      step,
      config: model.json,
      parameters: new Map(
        model.parameters.map(({ name, shape }) => {
          return [name, new HostTensor("float32", shape, values.get(name)!)];
        }),
      ),
      files,
      documents: {
        "preprocessor_config.json": model.preprocessor,
        // Texts are truncated as in training and validation.
        [tokenizerConfigName]: { ...tokenizerConfig, model_max_length: settings.max_text_len },
        ...(answers === undefined ? {} : { [answerListName]: answers.answers }),
      },
      optimizer,
      state: {
        global_step: step,
        epoch,
        max_steps: maxSteps,
        num_train_epochs: Math.ceil((epoch * maxSteps) / Math.max(step, 1)),
        best_metric: best?.metric ?? null,
        best_model_checkpoint: best === undefined ? null : this.checkpointOf(best.step),
        best_global_step: best?.step ?? null,
        log_history: this.history,
        bridgetower: { seed: settings.seed, settings, samples_seen: step * settings.batch_size, ...resumeState },
      },
    });
  }

  /** @param step of the checkpoint that was saved last */
  prune(step: number): Promise<unknown> {
    const { best } = this;
    return pruneCheckpoints(this.output, {
      step,
      keep: this.settings.save_total_limit,
      best: best === undefined ? null : this.checkpointOf(best.step),
    });
  }

  /**
   * Results, curves, and the model of the best checkpoint at the top of the folder.
   * @param pace of the steps of this process; undefined if an earlier process has done all of them
   */
  async finish(
    checkpoint: string,
    results: Results,
    { step, epoch }: Pick<Progress, "step" | "epoch">,
    pace?: Results,
  ) {
    await publishModel(this.output, checkpoint);
    const file = join(this.output, "train_results.json");
    if (pace !== undefined || !(await isFile(file))) await writeJson(file, { epoch, global_step: step, ...pace });
    await writeJson(join(this.output, "eval_results.json"), results);
    await writeCurves(this.output);
    const { best } = this;
    await writeFinishedRun(this.settings, {
      steps: step,
      best: best === undefined ? undefined : { step: best.step, results: best.results },
    });
  }

  async close(): Promise<void> {
    await this.logs?.board.close();
    await this.logs?.lines.close();
    await this.lock.release();
  }
}

/** The validation of a line of the log, if it has one. */
function validationsIn(record: LogRecord): ValidationRecord[] {
  const { step, [metricName]: metric, [hashName]: hash } = record;
  if (typeof metric !== "number") return [];
  const results = Object.entries(record).flatMap(([name, value]) =>
    name.startsWith(resultPrefix) && name !== metricName && name !== hashName && typeof value === "number"
      ? [[name.slice(resultPrefix.length), value] as const]
      : [],
  );
  return [{ step, metric, results: Object.fromEntries(results), hash: typeof hash === "number" ? hash : undefined }];
}
