/** `finished.json`: the record of a finished run. A run with this record is not repeated, even if its checkpoints were deleted. */
import { join } from "node:path";
import { z } from "zod";
import { InputError } from "../errors.js";
import { isFile, readJsonIfPresent, writeJson } from "../files/index.js";
import { checkpointName, findCheckpoints } from "./checkpoints/index.js";
import { differences, sameValidation, type TrainingSettings } from "./run-settings.js";
import type { Results } from "./objective-data.js";

export interface FinishedRun {
  /** The number of steps of the run. */
  readonly steps: number;
  /** Undefined if there was no validation. */
  readonly best: { readonly step: number; readonly results: Results } | undefined;
}

const recordName = "finished.json";

const schema = z.object({
  settings: z.record(z.string(), z.unknown()),
  steps: z.number().int().nonnegative(),
  best: z.object({ step: z.number().int(), results: z.record(z.string(), z.number()) }).optional(),
});

export const writeFinishedRun = (settings: TrainingSettings, run: FinishedRun): Promise<void> =>
  writeJson(join(settings.output, recordName), { settings, ...run });

/**
 * The finished run in the output folder. Its data and weights are not read.
 * @returns undefined if no run is finished, or if the record is out of date because the best checkpoint was deleted or the settings of
 *   validation have changed
 * @throws InputError if the run had other settings and its checkpoints were deleted
 */
export async function findFinishedRun(
  settings: TrainingSettings,
): Promise<(FinishedRun & { readonly bestCheckpoint?: string; readonly lastCheckpoint?: string }) | undefined> {
  const { output } = settings;
  const path = join(output, recordName);
  const parsed = schema.safeParse(await readJsonIfPresent(path));
  const hasModel = (await isFile(join(output, "config.json"))) && (await isFile(join(output, "model.safetensors")));
  if (!parsed.success || !hasModel) return undefined;
  const { settings: written, steps, best } = parsed.data;
  // Written by this program.
  const before = written as TrainingSettings;
  const { checkpoints } = await findCheckpoints(output);
  const changed = differences(before, settings);
  if (checkpoints.length === 0) {
    if (changed.length === 0) return { steps, best };
    throw new InputError({
      code: "resume-mismatch",
      where: output,
      expected: "the settings of the finished run",
      found: `other values of ${changed.join(", ")}`,
      hint: "Restore them, or choose another output folder",
    });
  }
  const folders = new Map(checkpoints.map(({ step, folder }) => [step, folder]));
  if (changed.length > 0 || !sameValidation(before, settings)) return undefined;
  if (best !== undefined && !folders.has(best.step)) return undefined;
  const lastCheckpoint = checkpoints.at(-1)!.folder;
  return best === undefined
    ? { steps, best, lastCheckpoint }
    : { steps, best, bestCheckpoint: join(output, checkpointName(best.step)), lastCheckpoint };
}
