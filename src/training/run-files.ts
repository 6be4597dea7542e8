/** The files of a run: lock, log, checkpoints, results. Only the first of several processes has them. */
import { copyAtomically, hashFile, isFile, writeJson } from "../files/index.js";
import { rm } from "node:fs/promises";
import { join } from "node:path";

import { tokenizerFiles } from "../checkpoint/index.js";
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
import type { OwnState } from "./resume.js";
import type { RunModel } from "./prepare-model.js";
import type { IntervalState } from "./interval.js";
import { readLog, RunLog, TensorBoardWriter, writeCurves, type LogRecord } from "./logs/index.js";
import type { TrainingSettings } from "./run-settings.js";
import type { Results } from "./validation.js";

/** A validation, as the log has it. */
export interface Judged {
  readonly step: number;
  /** Larger is better. */
  readonly metric: number;
  readonly results: Results;
}

/** How far the run is. */
export interface Progress {
  /** Steps done. */
  readonly step: number;
  readonly epoch: number;
  readonly maxSteps: number;
  readonly interval: IntervalState;
  /** Of a step, over all processes. */
  readonly microBatches: number;
}

/** Of what a validation found, in a line of the log. */
const judgedPrefix = "eval_";
const metricName = "eval_the_metric";

export class RunFiles {
  private readonly tokenizer = new Map<string, string>();
  private readonly history: LogRecord[] = [];
  private judged: Judged[] = [];
  /** Steps of validations whose checkpoints have gone since. */
  private readonly gone = new Set<number>();

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
   * Copies the tokenizer to the top of the folder: a starting point may move away, and old checkpoints are deleted. A published model
   * with another tokenizer loses its config, so that nobody loads it with this one.
   */
  async keepTokenizer(files: ReadonlyMap<string, string>): Promise<void> {
    const old = await tokenizerFiles(this.output);
    const isSame = async (name: string, path: string) =>
      old.has(name) && (await hashFile(path)) === (await hashFile(old.get(name)!));
    const same = await Promise.all([...files].map(([name, path]) => isSame(name, path)));
    if (old.size !== files.size || same.includes(false)) await rm(join(this.output, "config.json"), { force: true });
    for (const [name, path] of old) if (!files.has(name)) await rm(path);
    for (const [i, [name, path]] of [...files].entries()) {
      const own = join(this.output, name);
      if (!same[i]) await copyAtomically(path, own);
      this.tokenizer.set(name, own);
    }
  }

  /** Opens the log; what it says of steps after `step`, which will be done again, is dropped. */
  async startLog(step: number): Promise<void> {
    // A new run hides what another one has logged in this folder.
    const from = step === 0 ? {} : { fromStep: step };
    const lines = await RunLog.open(this.output, from);
    const board = await TensorBoardWriter.open(this.output, from);
    this.logs = { lines, board };
    if (step === 0)
      await board.text(0, "settings", `    ${JSON.stringify(this.settings, null, 2).replaceAll("\n", "\n    ")}`);
    for await (const record of readLog(this.output)) this.history.push(record);
    this.judged = this.history.flatMap(judgedIn);
    const { checkpoints } = await findCheckpoints(this.output);
    const there = new Set(checkpoints.map((checkpoint) => checkpoint.step));
    for (const one of this.judged) if (!there.has(one.step)) this.gone.add(one.step);
  }

  /** The validation with the largest metric, the last of equals (more was learned), whose checkpoint is there. */
  get best(): Judged | undefined {
    return this.judged
      .filter((one) => Number.isFinite(one.metric) && !this.gone.has(one.step))
      .reduce<Judged | undefined>(
        (best, one) => (best === undefined || one.metric >= best.metric ? one : best),
        undefined,
      );
  }

  isJudged(step: number): boolean {
    return this.judged.some((one) => one.step === step);
  }

  checkpointOf(step: number): string {
    return join(this.output, checkpointName(step));
  }

  async log(line: LogRecord & Readonly<Record<string, number>>): Promise<void> {
    this.history.push(line);
    await this.logs!.lines.append(line);
    const { step, ...values } = line;
    const tags = Object.entries(values).map(([name, value]) => [
      name.startsWith(judgedPrefix) ? `eval/${name.slice(judgedPrefix.length)}` : `train/${name}`,
      value,
    ]);
    await this.logs!.board.scalars(step, Object.fromEntries(tags) as Record<string, number>);
  }

  async logValidation({ step, metric, results }: Judged, epoch: number): Promise<void> {
    const found = Object.entries(results).map(([name, value]) => [judgedPrefix + name, value]);
    const line = { step, epoch, ...(Object.fromEntries(found) as Results), [metricName]: metric };
    await this.log(line);
    this.judged.push({ step, metric, results });
  }

  /** @returns the folder of the checkpoint */
  async save(
    progress: Progress,
    model: RunModel,
    values: ReadonlyMap<string, Float32Array>,
    optimizer: ReadonlyMap<string, Moments>,
  ): Promise<string> {
    const { step, epoch, maxSteps, interval, microBatches } = progress;
    const own: OwnState = { interval, microBatches };
    const { settings, best } = this;
    const { answers } = model;
    await this.logs!.lines.sync();
    await this.logs!.board.flush();
    return saveRunCheckpoint(this.output, {
      step,
      config: model.json,
      parameters: new Map(
        model.parameters.map(({ name, shape }) => {
          return [name, new HostTensor("float32", shape, values.get(name)!)];
        }),
      ),
      files: this.tokenizer,
      documents: {
        "preprocessor_config.json": model.preprocessor,
        ...(answers === undefined ? {} : { "answers.json": answers.answers }),
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
        bridgetower: { seed: settings.seed, settings, samples_seen: step * settings.batch_size, ...own },
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
   * @param pace of the steps of this process; nothing where an earlier one has done them all, and told its pace
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
  }

  async close(): Promise<void> {
    await this.logs?.board.close();
    await this.logs?.lines.close();
    await this.lock.release();
  }
}

/** What a line of the log says of a validation. */
function judgedIn(record: LogRecord): Judged[] {
  const { step, [metricName]: metric } = record;
  if (typeof metric !== "number") return [];
  const results = Object.entries(record).flatMap(([name, value]) =>
    name.startsWith(judgedPrefix) && name !== metricName && typeof value === "number"
      ? [[name.slice(judgedPrefix.length), value] as const]
      : [],
  );
  return [{ step, metric, results: Object.fromEntries(results) }];
}
