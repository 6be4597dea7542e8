/** Settings from files, flags and programs: the preset and defaults are filled in, and errors are formatted. */
import { z } from "zod";
import { InputError, nearestNames } from "../errors.js";
import { type CustomDataset } from "../data/index.js";
import { isCustomDataset, refuseModule } from "../data/internal.js";
import { parseConfig } from "../model/index.js";
import { presets, type PresetName } from "./presets.js";
import { schema as withoutPreset } from "./schema.js";
import { described, expectedValue, settingsProblem } from "./settings-problem.js";

const schema = withoutPreset.extend({
  /** JSON Schema of the file, for editors. It is no setting of the run. */
  $schema: z.string("text").optional(),
  /** A published preset, whose settings are the defaults. */
  recipe: z.enum(Object.keys(presets) as [PresetName, ...PresetName[]]).optional(),
});

/** Content of a settings file. */
export type SettingsFile = z.input<typeof schema>;
/** The source of a data set: a path, settings, a module or an object. */
export type DatasetInput = Extract<SettingsFile["data"]["train"], readonly unknown[]>[number] | CustomDataset;

/** Settings of a file or a program: only those that differ from preset and defaults. A program may give data sets as objects. */
export type TrainingInput = Omit<SettingsFile, "data"> & {
  readonly data: {
    readonly train: DatasetInput | readonly DatasetInput[];
    readonly validation?: DatasetInput | readonly DatasetInput[] | undefined;
  };
};
/** Complete and checked. */
export type TrainingSettings = Omit<z.output<typeof schema>, "$schema">;

/** Settings that do not change the numbers of a run: a resumed run may have other values. */
const resumable: ReadonlySet<string> = new Set([
  "output",
  "data_root",
  "num_workers",
  "threads",
  "log_every_n_steps",
  "val_check_interval",
  "save_steps",
  "save_total_limit",
  "validation",
  "non_finite",
  "recompute",
] satisfies (keyof TrainingSettings)[]);

/** Settings that are merged with the preset field by field. Others replace those of the preset. */
const merged = ["config", "validation"] as const;

/**
 * Settings of a file or a program, with preset and defaults filled in.
 * @param where name of the file, for errors
 * @param options allowModules: whether data sets may be modules, whose code runs (default false)
 * @throws InputError naming the first setting that is invalid, missing, unknown or not allowed
 * @example
 * import { readFile } from "node:fs/promises";
 *
 * const settings = trainingSettings(JSON.parse(await readFile("examples/train.json", "utf8")));
 * console.log(settings.batch_size, settings.seed); // 32 0
 */
export function trainingSettings(
  given: unknown,
  where = "settings",
  { allowModules = false }: { readonly allowModules?: boolean } = {},
): TrainingSettings {
  if (!isObject(given)) {
    throw new InputError({
      code: "invalid-setting",
      where,
      expected: "an object with settings",
      found: described(given),
    });
  }
  const preset = isPreset(given.recipe) ? presets[given.recipe].settings : {};
  const parts = merged.flatMap((name) =>
    Object.hasOwn(given, name) ? [[name, deepMerge(preset[name], given[name])]] : [],
  );
  const all = { ...preset, ...given, ...(Object.fromEntries(parts) as object), ...recordedData(given.data) };
  const result = schema.safeParse(all, { error: expectedValue });
  if (!result.success) throw settingsProblem(result.error.issues, all, where);
  const { $schema: _, ...settings } = result.data;
  if (!allowModules) refuseModules(settings, where);
  return settings;
}

/** Data sets that are objects, as settings record them: by name and rows. */
function recordedData(data: unknown): { readonly data?: object } {
  if (!isObject(data)) return {};
  const record = (source: unknown): unknown => {
    if (Array.isArray(source)) return source.map(record);
    return isCustomDataset(source) ? { dataset: source.name ?? "data set", rows: source.rows } : source;
  };
  return { data: Object.fromEntries(Object.entries(data).map(([name, source]) => [name, record(source)])) };
}

function refuseModules({ data }: TrainingSettings, where: string): void {
  for (const [name, sources] of Object.entries(data)) {
    for (const source of sources ?? []) {
      if (typeof source === "object" && "module" in source) refuseModule(source, `${where}: data.${name}`);
    }
  }
}

/** A copy of the preset's value of a setting that the given settings would replace as a whole; undefined if there is none. */
export function presetValue(given: Readonly<Record<string, unknown>>, name: string): unknown {
  if (!isPreset(given.recipe) || merged.some((one) => one === name) || Object.hasOwn(given, name)) return undefined;
  const { settings } = presets[given.recipe];
  return Object.hasOwn(settings, name) ? structuredClone(settings[name as keyof typeof settings]) : undefined;
}

/** Names of settings that differ between two runs and change their numbers. */
export function differences(before: TrainingSettings, now: TrainingSettings): string[] {
  const [a, b] = [before, now].map((one) => one as Readonly<Record<string, unknown>>);
  const all = new Set([...Object.keys(a!), ...Object.keys(b!)].filter((name) => !resumable.has(name)));
  return [...all].filter((name) => canonical(a![name]) !== canonical(b![name]));
}

/** Whether two runs validate at the same steps and in the same way, apart from the settings that `differences` compares. */
export const sameValidation = (before: TrainingSettings, now: TrainingSettings): boolean =>
  (["validation", "val_check_interval"] as const).every((name) => canonical(before[name]) === canonical(now[name]));

/** JSON that does not depend on the order of an object's fields. */
const canonical = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );

/** The given value; objects are merged field by field. */
function deepMerge(preset: unknown, given: unknown): unknown {
  if (!isObject(preset) || !isObject(given)) return given;
  const fields = Object.entries(given).map(([name, value]) => [name, deepMerge(preset[name], value)]);
  return { ...preset, ...(Object.fromEntries(fields) as object) };
}

/**
 * A warning for each unknown field of the config that is similar to a field of the model. A config.json may have fields for other programs.
 */
export function configWarnings({ config }: Pick<TrainingSettings, "config">): string[] {
  const { text_config, vision_config, ...top } = parseConfig({ model_type: "bridgetower" });
  const known = [
    ["config", config, { ...top, text_config, vision_config }],
    ["config.text_config", config.text_config ?? {}, text_config],
    ["config.vision_config", config.vision_config ?? {}, vision_config],
  ] as const;
  return known.flatMap(([path, given, fields]) => {
    const names = Object.keys(fields);
    return Object.keys(given).flatMap((name) => {
      const near = names.includes(name) ? [] : nearestNames(name, names);
      return near.length === 0 ? [] : [`${path}.${name} has no effect; the nearest field that has one is ${near[0]}`];
    });
  });
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isPreset = (name: unknown): name is PresetName => typeof name === "string" && Object.hasOwn(presets, name);
