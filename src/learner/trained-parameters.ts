/** Which parameters a learner trains, and the checks of objectives, values and patterns of names. */
import { InputError, nearestHint } from "../errors.js";
import { elementCount, type Parameter } from "../graph/index.js";
import {
  headsOf,
  objectiveEntry,
  parameterList,
  trainingGraph,
  type BridgeTowerConfig,
  type ObjectiveName,
} from "../model/index.js";
import type { Arrays } from "../runtime/index.js";
import { trainedGradients } from "./compiled-step.js";

/** Trained parameters that the losses depend on. They do not depend on the sizes of a batch. */
export function reachedBy(
  config: BridgeTowerConfig,
  weights: readonly (readonly [ObjectiveName, number])[],
  trains: (name: string) => boolean,
): Parameter[] {
  const { image_size } = config.vision_config;
  const sizes = { texts: 2, tokens: 2, images: 2, image: { height: image_size, width: image_size } };
  const uses = Object.fromEntries(weights.map(([name]) => [name, { pairs: 2, falseTexts: 1 }]));
  const { loss, p } = trainingGraph(config, sizes, uses);
  const parts = trainedGradients(loss, p, trains);
  return [...new Set(parts.map(({ parameter }) => parameter))];
}

/** Parameters that a checkpoint of this config has for the objectives. */
export function parametersFor(
  config: BridgeTowerConfig,
  weights: readonly (readonly [ObjectiveName, number])[],
): Parameter[] {
  const heads = new Set(weights.flatMap(([name]) => headsOf(name)));
  return [...parameterList(config, [...heads]).used];
}

/** @throws InputError for an objective that the model of this config does not support */
export function checkObjectives(
  config: BridgeTowerConfig,
  weights: readonly (readonly [ObjectiveName, number])[],
): void {
  for (const [name] of weights) {
    const { needs } = objectiveEntry(name);
    if (needs?.holds(config) === false) throw new InputError({ ...needs.problem(config), where: `objective ${name}` });
  }
}

/** @throws InputError naming the parameters that are missing, have another size or share a buffer */
export function checkValues(parameters: readonly Parameter[], values: Arrays): void {
  const wrong = parameters.flatMap(({ name, shape }) => {
    const needed = elementCount(shape);
    const found = values.get(name)?.length;
    return found === needed ? [] : [`${name} (${needed} values, found ${found ?? "none"})`];
  });
  if (wrong.length > 0) {
    throw new InputError({
      code: "parameter-mismatch",
      where: "values",
      expected: "every parameter of the model and of the heads that are trained",
      found: `${wrong.length} that do not fit: ${wrong.slice(0, 8).join(", ")}${wrong.length > 8 ? ", …" : ""}`,
      hint: "Create them with startingValues for this config",
    });
  }
  const owners = new Map<ArrayBufferLike, string>();
  for (const { name } of parameters) {
    const { buffer, byteLength } = values.get(name)!;
    const other = owners.get(buffer);
    owners.set(buffer, name);
    if (other === undefined && byteLength === buffer.byteLength) continue;
    throw new InputError({
      code: "parameter-mismatch",
      where: `values: ${name}`,
      expected: "an array with a separate ArrayBuffer, which a step can transfer to another thread",
      found: other === undefined ? "a view of a larger buffer" : `the buffer of ${other}`,
      hint: "Copy it with slice()",
    });
  }
}

/**
 * A test whether a name matches one of the patterns, in which `*` matches any characters.
 * @param setting name of the list of patterns, for errors
 * @throws InputError for a pattern that matches none of the names
 * @internal
 */
export function nameMatcher(
  setting: string,
  patterns: readonly string[],
  names: readonly string[],
): (name: string) => boolean {
  const matchers = patterns.map((pattern) => {
    const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
    const matcher = new RegExp(`^${parts.join(".*")}$`);
    if (!names.some((name) => matcher.test(name))) {
      throw new InputError({
        code: "invalid-setting",
        where: `${setting} "${pattern}"`,
        expected: "the name of a parameter, with * for any characters",
        found: "a pattern that matches no parameter",
        hint: nearestHint(pattern, names),
      });
    }
    return matcher;
  });
  return (name) => matchers.some((matcher) => matcher.test(name));
}
