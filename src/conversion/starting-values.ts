/** The values that training starts with: from starting points that have them, otherwise initialised. */
import { InputError } from "../errors.js";
import { elementCount, sameShape, type DType, type Parameter } from "../graph/index.js";
import { derivedValues, readValues } from "./derived-values.js";
import type { StartingTensor, StartingTensors } from "./starting-tensors.js";

export interface StartReport {
  /** Taken unchanged. */
  readonly taken: readonly string[];
  /** Resized, copied or computed from others. */
  readonly derived: readonly { readonly name: string; readonly how: string }[];
  /** In no starting point: new heads, new layers. */
  readonly initialised: readonly string[];
  /** Names in the files that are not used. */
  readonly unused: readonly string[];
}

export interface StartingValues {
  /** A dedicated buffer for each parameter, in the order of `parameters`. */
  readonly values: Map<string, Float32Array<ArrayBuffer>>;
  readonly report: StartReport;
}

/** The source of a parameter's values. */
export interface PlannedValues {
  readonly parameter: Parameter;
  /** The stored tensor, if it is taken unchanged. */
  readonly taken?: StartingTensor;
  readonly derived?: { readonly how: string; readonly read: () => Promise<Float32Array<ArrayBuffer>> };
}

export interface StartPlan {
  readonly plans: readonly PlannedValues[];
  readonly report: StartReport;
}

const floats: ReadonlySet<DType> = new Set(["float32", "float16", "bfloat16", "float64"]);

/**
 * Compares the wanted parameters with the starting points; if several have a tensor, the last one counts. Reads no values.
 * @throws InputError naming all tensors of another shape than wanted
 */
export function planStart(parameters: readonly Parameter[], starts: readonly StartingTensors[]): StartPlan {
  const tensors = new Map(starts.flatMap((start) => [...start.tensors]));
  const find = (name: string) => tensors.get(name);
  const used = new Set<StartingTensor>();
  const misshapen: string[] = [];
  const plans = parameters.map((parameter): PlannedValues => {
    const { name, shape } = parameter;
    const found = find(name);
    if (found !== undefined && fits(found, shape)) {
      used.add(found);
      return { parameter, taken: found };
    }
    const derived = derivedValues(parameter, find);
    if (derived !== undefined) {
      used.add(find(derived.origin)!);
      return { parameter, derived };
    }
    if (found !== undefined) misshapen.push(misfit(parameter, found));
    return { parameter };
  });
  if (misshapen.length > 0) throw misshapenError(starts, misshapen);
  const idle = starts.flatMap((start) => [...start.tensors.values()].filter((tensor) => !used.has(tensor)));
  return {
    plans,
    report: {
      taken: plans.filter(({ taken }) => taken).map(({ parameter }) => parameter.name),
      derived: plans.flatMap(({ parameter, derived }) => (derived ? [{ name: parameter.name, how: derived.how }] : [])),
      initialised: plans.filter(({ taken, derived }) => !taken && !derived).map(({ parameter }) => parameter.name),
      unused: [...idle.flatMap(({ names }) => names), ...starts.flatMap(({ surplus }) => surplus)],
    },
  };
}

/**
 * Values for each wanted parameter, as float32.
 * @param starts starting points; if several have a tensor, the last one counts
 * @param initialize values of parameters that no starting point has
 * @param options signal: stops between two parameters
 * @throws InputError naming all tensors of another shape than wanted, or one with values that are not finite; `signal.reason` when aborted
 * @example
 * const start = await openStart("models/emoji");
 * const config = parseConfig(await startingConfig([start], {}));
 * const initialize = initializer(config, "transformers", new Random(0));
 * const { values, report } = await startingValues(parameterList(config, ["itm"]).used, [start], initialize);
 * console.log(values.get("itm_score.fc.bias")?.length, report.initialised); // 2 []
 */
export async function startingValues(
  parameters: readonly Parameter[],
  starts: readonly StartingTensors[],
  initialize: (parameter: Parameter) => Float32Array<ArrayBuffer>,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<StartingValues> {
  const { plans, report } = planStart(parameters, starts);
  const values = new Map<string, Float32Array<ArrayBuffer>>();
  for (const { parameter, taken, derived } of plans) {
    signal?.throwIfAborted();
    const given = taken !== undefined ? await readValues(taken) : await derived?.read();
    if (given !== undefined) checkFinite(starts, parameter.name, given);
    const chosen = given ?? initialize(parameter);
    const count = elementCount(parameter.shape);
    if (chosen.length !== count)
      throw new RangeError(`${parameter.name}: ${count} values wanted, got ${chosen.length}`);
    values.set(parameter.name, chosen);
  }
  return { values, report };
}

const fits = ({ shape, parts }: StartingTensor, wanted: Parameter["shape"]): boolean =>
  sameShape(shape, wanted) && parts.every(({ dtype }) => floats.has(dtype));

function misfit({ name, shape }: Parameter, found: StartingTensor): string {
  const dtypes = [...new Set(found.parts.map(({ dtype }) => dtype))].filter((dtype) => !floats.has(dtype));
  return `${name} [${found.shape.join(", ")}]${dtypes.length === 0 ? "" : ` of ${dtypes.join(", ")}`} for [${shape.join(", ")}]`;
}

const sourcesOf = (starts: readonly StartingTensors[]): string => starts.map(({ source }) => source).join(" and ");

function misshapenError(starts: readonly StartingTensors[], misshapen: readonly string[]): InputError {
  const rest = misshapen.length > 12 ? ` and ${misshapen.length - 12} more` : "";
  return new InputError({
    code: "parameter-mismatch",
    where: sourcesOf(starts),
    expected: "floating-point tensors of the shapes that the config asks for",
    found: `${misshapen.length} others: ${misshapen.slice(0, 12).join("; ")}${rest}`,
    hint: "Make config.json agree with the starting point, or start from another one",
  });
}

function checkFinite(starts: readonly StartingTensors[], name: string, values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new InputError({
      code: "non-finite-values",
      where: `${name} in ${sourcesOf(starts)}`,
      expected: "finite weights",
      found: `${values[i]} at element ${i}`,
      hint: "Download the file again, or start from another one",
    });
  }
}
