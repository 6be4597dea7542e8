/** `trainer_state.json`: the progress of a run, under the names of Hugging Face's trainer, and further fields under one key. */
import { readJson } from "../../files/index.js";
import { z } from "zod";
import { InputError } from "../../errors.js";

export interface TrainerState {
  /** Optimizer steps done. */
  readonly global_step: number;
  /** Epochs done, with the fraction of the current one. */
  readonly epoch: number;
  readonly max_steps: number;
  readonly num_train_epochs: number;
  readonly best_metric: number | null;
  /** Folder of the best checkpoint. */
  readonly best_model_checkpoint: string | null;
  readonly best_global_step: number | null;
  /** Records of the log, in order; a value that is not finite is null. */
  readonly log_history: readonly object[];
  /** Fields that Hugging Face's trainer does not have. */
  readonly bridgetower: {
    readonly seed: number;
    /** The settings of the run, as given. */
    readonly settings: object;
    readonly samples_seen: number;
    readonly [further: string]: unknown;
  };
}

/** More than the log of a long run takes. */
const maxBytes = 256 * 2 ** 20;
const hint = "Resume from another checkpoint";

const count = z.number().int().nonnegative();
const object = z.record(z.string(), z.unknown());

const schema: z.ZodType<TrainerState> = z.looseObject({
  global_step: count,
  epoch: z.number().nonnegative(),
  max_steps: count,
  num_train_epochs: z.number().nonnegative(),
  best_metric: z.number().nullable(),
  best_model_checkpoint: z.string().nullable(),
  best_global_step: count.nullable(),
  log_history: z.array(object),
  bridgetower: z.looseObject({ seed: count, settings: object, samples_seen: count }),
});

/** @throws InputError naming the first invalid field */
export async function readTrainerState(path: string): Promise<TrainerState> {
  const result = schema.safeParse(await readJson(path, { maxBytes, hint }));
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new InputError({
    code: "corrupt-file",
    where: `${path}: ${issue.path.join(".")}`,
    expected: "the state of a training run",
    found: issue.message,
    hint,
  });
}
