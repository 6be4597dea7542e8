/** What a learner trains, and whether config and values allow it. */
import { InputError } from "../errors.js";
import { elementCount, type Parameter } from "../graph/index.js";
import { headsOf, parameterList, trainingStep, type BridgeTowerConfig, type ObjectiveName } from "../model/index.js";
import type { Arrays } from "../runtime/index.js";
import { trainedGradients, type StepGraphOptions } from "./step-graph.js";

/** Trained parameters that the losses depend on, whatever the sizes of a batch are. */
export function reachedBy(
  config: BridgeTowerConfig,
  weights: readonly (readonly [ObjectiveName, number])[],
  options: StepGraphOptions,
): Parameter[] {
  const { image_size } = config.vision_config;
  const sizes = { texts: 2, tokens: 2, images: 2, image: { height: image_size, width: image_size } };
  const uses = Object.fromEntries(weights.map(([name]) => [name, { pairs: 2, falseTexts: 1 }]));
  const { loss, p } = trainingStep(config, sizes, uses);
  const parts = trainedGradients(loss, p, options);
  return [...new Set(parts.map(({ parameter }) => parameter))];
}

/** Parameters that the objectives read and that the config's files hold for them. */
export function parametersFor(
  config: BridgeTowerConfig,
  weights: readonly (readonly [ObjectiveName, number])[],
): Parameter[] {
  const heads = new Set(weights.flatMap(([name]) => headsOf[name]));
  return [...parameterList(config, [...heads]).used];
}

/** @throws InputError for an objective that the config has no model for */
export function checkObjectives(
  { contrastive_form, token_type_count }: BridgeTowerConfig,
  weights: readonly (readonly [ObjectiveName, number])[],
): void {
  const wants = (wanted: ObjectiveName) => weights.some(([name]) => name === wanted);
  if (wants("itm_itc") && contrastive_form !== "dual") {
    const expected = 'contrastive_form "dual" in config.json, whose similarities negatives are drawn by';
    throw new InputError({
      code: "unsupported-task",
      where: "objective itm_itc",
      expected,
      found: `"${contrastive_form}"`,
    });
  }
  if (wants("nlvr2") && token_type_count < 3) {
    const expected = "token_type_count 3 in config.json, with a row for the second image";
    throw new InputError({
      code: "unsupported-task",
      where: "objective nlvr2",
      expected,
      found: String(token_type_count),
    });
  }
}

/** @throws InputError naming the parameters without a value of their size */
export function checkValues(parameters: readonly Parameter[], values: Arrays): void {
  const wrong = parameters.flatMap(({ name, shape }) => {
    const needed = elementCount(shape);
    const found = values.get(name)?.length;
    return found === needed ? [] : [`${name} (${needed} values, found ${found ?? "nothing"})`];
  });
  if (wrong.length === 0) return;
  throw new InputError({
    code: "parameter-mismatch",
    where: "values",
    expected: "every parameter of the model and of the heads that are trained",
    found: `${wrong.length} that do not fit: ${wrong.slice(0, 8).join(", ")}${wrong.length > 8 ? ", …" : ""}`,
    hint: "Make them with startingValues for this config",
  });
}
