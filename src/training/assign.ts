/** Assignments of settings on the command line. */
import { InputError } from "../errors.js";
import { presetValue } from "./run-settings.js";
import { described } from "./settings-problem.js";

/**
 * Sets `a.b=value` in an object from a file. The value is JSON, or else text. Entries of lists have numbers; the number after the last
 * adds an entry. Missing objects are created. A field of an object or list of the preset is changed alone: the others are copied from the
 * preset that the settings name, so `recipe` is assigned first.
 * @throws InputError for an assignment without a name, or to an entry of a value that is no object or list
 * @example
 * const settings = { data: { train: "pairs.jsonl" } };
 * assign(settings, "data.train=other.jsonl");
 * console.log(settings); // { data: { train: 'other.jsonl' } }
 */
export function assign(settings: Record<string, unknown>, assignment: string): void {
  const [, path, value] = /^([A-Za-z_]\w*(?:\.\w+)*)=([^]*)$/.exec(assignment) ?? [];
  // A setting must not change the prototype of an object.
  if (path === undefined || value === undefined || path.split(".").includes("__proto__")) {
    throw new InputError({
      code: "invalid-setting",
      where: "--set",
      expected: "name=value, such as learning_rate=1e-4",
      found: JSON.stringify(assignment),
    });
  }
  const steps = path.split(".");
  const fromPreset = steps.length > 1 ? presetValue(settings, steps[0]!) : undefined;
  if (fromPreset !== undefined) settings[steps[0]!] = fromPreset;
  let place: object = settings;
  for (const [i, step] of steps.slice(0, -1).entries()) {
    const there = entryOf(place, step);
    const next: unknown = there ?? {};
    if (typeof next !== "object" || next === null) {
      throw new InputError({
        code: "invalid-setting",
        where: `--set ${path}`,
        expected: `an object or a list at ${steps.slice(0, i + 1).join(".")}`,
        found: described(next),
        hint: "Set all of it, as JSON",
      });
    }
    if (there !== next) put(place, step, next, path);
    place = next;
  }
  put(place, steps.at(-1)!, jsonOrText(value), path);
}

const entryOf = (place: object, step: string): unknown =>
  Object.hasOwn(place, step) ? (place as Readonly<Record<string, unknown>>)[step] : undefined;

function put(place: object, step: string, value: unknown, path: string): void {
  if (Array.isArray(place) && !(/^\d+$/.test(step) && Number(step) <= place.length)) {
    throw new InputError({
      code: "invalid-setting",
      where: `--set ${path}`,
      expected: `the number of an entry, 0 to ${place.length}`,
      found: step,
    });
  }
  (place as Record<string, unknown>)[step] = value;
}

function jsonOrText(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
