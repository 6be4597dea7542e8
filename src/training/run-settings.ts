/** Settings from files, flags and programs: recipe and defaults filled in, errors in words. */
import { z } from "zod";
import { InputError, nearestNames } from "../errors.js";
import { parseConfig } from "../model/index.js";
import { recipes, type RecipeName } from "./presets.js";
import { schema as withoutRecipe } from "./schema.js";
import { described, settingsProblem } from "./settings-problem.js";

const schema = withoutRecipe.extend({
  /** A published recipe, whose settings stand where none are given. */
  recipe: z.enum(Object.keys(recipes) as [RecipeName, ...RecipeName[]]).optional(),
});

/** As a file or a program gives them: only what differs from recipe and defaults. */
export type TrainingInput = z.input<typeof schema>;
/** Complete and checked. */
export type TrainingSettings = z.output<typeof schema>;

/** Fields that change nothing but how a run is watched and kept: a resumed run may have others. */
const free: ReadonlySet<string> = new Set([
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

/** Settings of which a recipe keeps the fields that are not given; of all others the given value counts alone. */
const merged = ["config", "validation"] as const;

/**
 * Settings of a file or a program, with the recipe's and the defaults filled in.
 * @param where what errors call the file
 * @throws InputError naming the first setting that is wrong, missing or unknown
 */
export function trainingSettings(given: unknown, where = "settings"): TrainingSettings {
  if (!isObject(given)) {
    throw new InputError({
      code: "invalid-setting",
      where,
      expected: "an object with settings",
      found: described(given),
    });
  }
  const preset = isRecipe(given.recipe) ? recipes[given.recipe].settings : {};
  const parts = merged.flatMap((name) => (Object.hasOwn(given, name) ? [[name, over(preset[name], given[name])]] : []));
  const all = { ...preset, ...given, ...(Object.fromEntries(parts) as object) };
  const result = schema.safeParse(all);
  if (!result.success) throw settingsProblem(result.error.issues, settingsSchema(), all, where);
  return result.data;
}

/** JSON Schema of the settings file, for editors. */
export const settingsSchema = (): object => z.toJSONSchema(schema, { io: "input" });

/** Settings that differ between two runs and would change the numbers of the second. */
export function differences(before: TrainingSettings, now: TrainingSettings): string[] {
  const [a, b] = [before, now].map((one) => one as Readonly<Record<string, unknown>>);
  const all = new Set([...Object.keys(a!), ...Object.keys(b!)].filter((name) => !free.has(name)));
  return [...all].filter((name) => canonical(a![name]) !== canonical(b![name]));
}

/** JSON that does not depend on the order of an object's fields. */
const canonical = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );

/** The value that is given; of objects, field by field. */
function over(preset: unknown, given: unknown): unknown {
  if (!isObject(preset) || !isObject(given)) return given;
  const fields = Object.entries(given).map(([name, value]) => [name, over(preset[name], value)]);
  return { ...preset, ...(Object.fromEntries(fields) as object) };
}

/**
 * A warning for each field of the config that looks like one of the model's, but is none. A config.json may have fields of other programs,
 * which nothing here reads.
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
      return near.length === 0 ? [] : [`${path}.${name} changes nothing; the nearest name that does is ${near[0]}`];
    });
  });
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isRecipe = (name: unknown): name is RecipeName => typeof name === "string" && Object.hasOwn(recipes, name);
