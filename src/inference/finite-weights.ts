/** Finds weights that are NaN or infinite. They are read only if a result is not finite, because that takes too long for every run. */
import { readTensor } from "../checkpoint/index.js";
import { InputError } from "../errors.js";
import { toFloat32, type HostTensor, type Parameter } from "../graph/index.js";
import type { WeightLookup } from "../runtime/index.js";

/** Whether all values are finite; true for whole numbers. */
export function isFinite({ dtype, data }: HostTensor): boolean {
  if (dtype !== "float32") return true;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false;
  return true;
}

/**
 * Reads the weights of the poolers: tanh turns their infinity into ±1, so that no output would show it.
 * @throws InputError naming the first parameter that is not finite
 */
export async function checkPoolers(
  parameters: readonly Parameter[],
  weights: WeightLookup,
  folder: string,
): Promise<void> {
  const problem = await nonFiniteWeight(
    parameters.filter(({ name }) => /_pooler\.dense\./.test(name)),
    weights,
    folder,
  );
  if (problem !== undefined) throw problem;
}

/** The error for an output that is not finite: names the first weight of its graph that is not, if there is one. */
export async function nonFiniteOutput(
  output: string,
  parameters: readonly Parameter[],
  weights: WeightLookup,
  folder: string,
): Promise<InputError> {
  const problem = await nonFiniteWeight(parameters, weights, folder);
  if (problem !== undefined) return problem;
  return new InputError({
    code: "non-finite-values",
    where: `${output} of the model in ${folder}`,
    expected: "finite numbers",
    found: "NaN or infinity from finite weights",
    hint: "The weights are too large for float32: check the checkpoint and its config.json",
  });
}

async function nonFiniteWeight(
  parameters: readonly Parameter[],
  weights: WeightLookup,
  folder: string,
): Promise<InputError | undefined> {
  for (const parameter of parameters) {
    const values = toFloat32(await readTensor(weights(parameter)));
    if (values.every((value) => Number.isFinite(value))) continue;
    return new InputError({
      code: "non-finite-values",
      where: `${parameter.name} in ${folder}`,
      expected: "finite weights",
      found: "NaN or infinity",
      hint: "Download the checkpoint again, or save it again from finite weights",
    });
  }
  return undefined;
}
