/** Validates a checkpoint's tensors against those that the model needs, and reports all problems together. */
import { type Checkpoint } from "../checkpoint/index.js";
import { InputError, nearestNames } from "../errors.js";
import { sameShape, type Parameter, type StoredTensor } from "../graph/index.js";
import { isHeadParameter, parameterList, presentHeads, type BridgeTowerConfig, type Head } from "../model/index.js";

/** Tensors that a checkpoint may have besides those that a class reads: other heads, and buffers of old versions. */
const isIgnored = (name: string): boolean => isHeadParameter(name) || /\.(position_ids|token_type_ids)$/.test(name);

export interface BoundWeights {
  readonly lookup: (parameter: Parameter) => StoredTensor;
  /** Names in the file that no BridgeTower has. */
  readonly surplus: readonly string[];
}

/**
 * Finds each parameter under its name, with or without the prefix `bridgetower.` that head classes write.
 * @throws InputError naming all missing and all misshapen parameters, and the surplus names, if there are any
 */
export function bindWeights(
  checkpoint: Pick<Checkpoint, "source" | "tensors">,
  config: BridgeTowerConfig,
  wanted: readonly Head[],
): BoundWeights {
  const byName = tensorsByName(checkpoint);
  const { used, unused } = parameterList(config, wanted);
  const missing = used.filter(({ name }) => !byName.has(name)).map(({ name }) => name);
  const misshapen = [...used, ...unused].flatMap(({ name, shape }) => {
    const stored = byName.get(name);
    if (stored === undefined || sameShape(stored.shape, shape)) return [];
    return [`${name}: [${stored.shape.join(", ")}] in the file, [${shape.join(", ")}] by config.json`];
  });
  const known = new Set([...used, ...unused].map(({ name }) => name));
  const surplus = [...byName.keys()]
    .filter((name) => !known.has(name) && !isIgnored(name))
    // A name in an untrusted file may be megabytes long.
    .map((name) => name.slice(0, 200));
  if (missing.length > 0 || misshapen.length > 0) {
    const lists = [listed("missing", missing), listed("misshapen", misshapen), listed("surplus", surplus)];
    throw new InputError({
      code: "parameter-mismatch",
      where: checkpoint.source,
      expected: `the weights of a BridgeTower${wanted.length === 0 ? "" : ` with the heads ${wanted.join(", ")}`} of this config.json`,
      found: lists.filter((list) => list !== "").join("; "),
      hint: advice(missing, misshapen, surplus),
    });
  }
  return { lookup: ({ name }) => byName.get(name)!, surplus };
}

/** A checkpoint's tensors without the prefix `bridgetower.`. */
export function tensorsByName({ tensors }: Pick<Checkpoint, "tensors">): Map<string, StoredTensor> {
  return new Map([...tensors].map(([name, tensor]) => [name.replace(/^bridgetower\./, ""), tensor]));
}

/** The heads with all parameters in the checkpoint. */
export function headsIn(checkpoint: Pick<Checkpoint, "tensors">, config: BridgeTowerConfig): Head[] {
  const byName = tensorsByName(checkpoint);
  return presentHeads(config, (name) => byName.has(name));
}

function listed(kind: string, names: readonly string[]): string {
  const shown = names.slice(0, 12).join(", ");
  const rest = names.length > 12 ? ` and ${names.length - 12} more` : "";
  return names.length === 0 ? "" : `${names.length} ${kind} (${shown}${rest})`;
}

function advice(missing: readonly string[], misshapen: readonly string[], surplus: readonly string[]): string {
  const onlyHeads = missing.length > 0 && misshapen.length === 0 && missing.every((name) => isIgnored(name));
  if (onlyHeads) return "This checkpoint was saved without that head: name one that has it";
  const near = missing.slice(0, 1).flatMap((name) => nearestNames(name, surplus.slice(0, 2_000), 1));
  if (near.length > 0) return `Config and weights disagree; ${missing[0]!} may be ${near[0]!}`;
  return "Config and weights disagree: use the config.json published with these weights";
}
