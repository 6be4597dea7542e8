/** The tensors of a batch, under the names that the objectives of the model read, and the checks of their shapes and values. */
import { InputError } from "../errors.js";
import type { HostTensor } from "../graph/index.js";
import {
  objectiveEntry,
  objectives,
  type BridgeTowerConfig,
  type ObjectiveName,
  type ObjectiveUse,
  type ObjectiveUses,
  type StackSizes,
} from "../model/index.js";
import { ignoredLabel } from "../nn/index.js";

/**
 * The tensors of one micro-batch: the stacks `input_ids`, `attention_mask` int64 [texts, tokens] and `pixel_values`
 * float32 or `Uint8Pixels` [images, channels, height, width], and for each objective the rows that belong together, such as `itm_texts`,
 * `itm_images`, `itm_labels` int64 [pairs]. `src/model/objectives/objectives.ts` documents the inputs of each objective.
 */
export type Batch = Readonly<Record<string, HostTensor>>;

// Object.keys knows only strings.
const objectiveNames = Object.keys(objectives) as readonly ObjectiveName[];

/** Weight of each objective in the sum of the losses. */
export type ObjectiveWeights = Readonly<Partial<Record<ObjectiveName, number>>>;

/**
 * The objectives with a weight other than 0.
 * @throws InputError for an unknown objective, or if there is none
 * @internal
 */
export function objectiveWeights(given: Readonly<Record<string, number | undefined>>): [ObjectiveName, number][] {
  const entries = Object.entries(given).flatMap(([name, weight]): [ObjectiveName, number][] => {
    if (!Object.hasOwn(objectives, name) || weight === undefined || !Number.isFinite(weight)) {
      throw new InputError({
        code: "invalid-setting",
        where: `objective ${name}`,
        expected: `one of ${objectiveNames.join(", ")} with a finite weight`,
        found: String(weight),
      });
    }
    return weight === 0 ? [] : [[name as ObjectiveName, weight]];
  });
  if (entries.length > 0) return entries;
  throw new InputError({
    code: "invalid-setting",
    where: "objectives",
    expected: "at least one with a weight",
    found: "none",
  });
}

/** Sizes of the stacks and of each objective's use, as the training graph needs them. */
export interface BatchShape {
  readonly sizes: StackSizes;
  readonly uses: ObjectiveUses;
}

/**
 * @param cached whether contrast is computed over several micro-batches
 * @throws InputError naming the tensor that is missing, has another shape or has a number out of range
 */
export function batchShape(
  batch: Batch,
  config: BridgeTowerConfig,
  weights: readonly (readonly [ObjectiveName, number])[],
  cached: boolean,
): BatchShape {
  const [texts, tokens] = shapeOf(batch, "input_ids", 2);
  const [images, , height, width] = shapeOf(batch, "pixel_values", 4);
  checkNumbers(batch, config, texts!, images!);
  const uses = weights.map(([name, weight]) => {
    const { texts: rows, ranksTexts = false, contrast } = objectiveEntry(name);
    const [pairs, ranked] = shapeOf(batch, rows, ranksTexts ? 2 : 1);
    return [
      name,
      {
        pairs: pairs!,
        weight,
        falseTexts: ranked === undefined ? undefined : ranked - 1,
        imageIds: contrast !== undefined && batch.itc_image_ids !== undefined,
        cached: contrast !== undefined && cached,
      },
    ] as const;
  });
  return {
    sizes: { texts: texts!, tokens: tokens!, images: images!, image: { height: height!, width: width! } },
    uses: Object.fromEntries(uses),
  };
}

/** By objective, the pairs of a micro-batch divided by the mean over all micro-batches; 1 for MLM, which counts labels. */
export type MicroBatchWeights = Readonly<Partial<Record<ObjectiveName, number>>>;

/** @param all micro-batches of the step, of all ranks */
export function microBatchWeights(all: readonly Pick<BatchShape, "uses">[]): MicroBatchWeights[] {
  const mean = (name: ObjectiveName) => all.reduce((total, { uses }) => total + uses[name]!.pairs, 0) / all.length;
  return all.map(({ uses }) => {
    const names = Object.keys(uses) as ObjectiveName[];
    return Object.fromEntries(names.map((name) => [name, name === "mlm" ? 1 : uses[name]!.pairs / mean(name)]));
  });
}

/** The shape with the weights of its objectives multiplied by those of the micro-batch. */
export function scaleWeights({ sizes, uses }: BatchShape, weights: MicroBatchWeights): BatchShape {
  const entries = (Object.entries(uses) as [ObjectiveName, ObjectiveUse][]).map(([name, use]) => [
    name,
    { ...use, weight: (use.weight ?? 1) * (weights[name] ?? 1) },
  ]);
  return { sizes, uses: Object.fromEntries(entries) as ObjectiveUses };
}

/** @throws InputError if some micro-batches of a step have `itc_image_ids` and others do not */
export function checkImageIds(all: readonly Pick<BatchShape, "uses">[]): void {
  const having = all.filter(({ uses }) => Object.values(uses).some(({ imageIds }) => imageIds)).length;
  if (having === 0 || having === all.length) return;
  throw new InputError({
    code: "invalid-tensor",
    where: "itc_image_ids of the batch",
    expected: "ids in all micro-batches of a step, or in none",
    found: `ids in ${having} of ${all.length}`,
  });
}

function shapeOf(batch: Batch, name: string, rank: number): readonly number[] {
  const tensor = batch[name];
  if (tensor?.shape.length === rank && !tensor.shape.includes(0)) return tensor.shape;
  throw new InputError({
    code: "shape-mismatch",
    where: `${name} of the batch`,
    expected: `a tensor of ${rank} ${rank === 1 ? "axis" : "axes"}, none of them empty`,
    found: tensor === undefined ? "undefined" : `${tensor.dtype}[${tensor.shape.join(", ")}]`,
  });
}

/** Checks ids, rows and labels: the runtime counts negative ones from the end, and its errors do not name the tensor. */
function checkNumbers(batch: Batch, config: BridgeTowerConfig, texts: number, images: number): void {
  const allLabels = objectiveNames.flatMap((name) => objectiveEntry(name).labels ?? []);
  for (const [name, tensor] of Object.entries(batch)) {
    const stack = name.endsWith("_texts") ? texts : name.endsWith("_images") ? images : undefined;
    const labels = allLabels.find((one) => one.name === name);
    const ids = name === "input_ids" ? config.text_config.vocab_size : undefined;
    const limit = stack ?? ids ?? labels?.classes(config);
    if (limit === undefined) continue;
    const ignored = labels?.ignored;
    const invalid = tensor.toArray().find((value) => !(value >= 0 && value < limit) && value !== ignored);
    if (invalid === undefined) continue;
    throw new InputError({
      code: "invalid-tensor",
      where: `${name} of the batch`,
      expected: `${stack !== undefined ? "rows of the stack, " : ""}0 to ${limit - 1}${ignored === undefined ? "" : ` or ${ignored}`}`,
      found: String(invalid),
    });
  }
}

/** The number of masked tokens in a batch. */
export function countMaskedTokens({ mlm_labels }: Batch): number {
  return mlm_labels === undefined ? 0 : mlm_labels.toArray().filter((id) => id !== ignoredLabel).length;
}
