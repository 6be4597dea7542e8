/** What a batch holds, told by its tensors: the names are those that the objectives of the model read. */
import { InputError } from "../errors.js";
import type { HostTensor } from "../graph/index.js";
import {
  objectives,
  type BridgeTowerConfig,
  type ObjectiveName,
  type ObjectiveUse,
  type ObjectiveUses,
  type StackSizes,
} from "../model/index.js";

/**
 * The tensors of one micro-batch: the stacks `input_ids`, `attention_mask` int64 [texts, tokens] and `pixel_values`
 * float32 [images, channels, height, width], and for each objective the rows that go together, such as `itm_texts`,
 * `itm_images`, `itm_labels` int64 [pairs]. What each objective reads stands with it in `model/objectives.ts`.
 */
export type Batch = Readonly<Record<string, HostTensor>>;

/** Weights of the objectives that are trained. */
export type ObjectiveWeights = Readonly<Partial<Record<ObjectiveName, number>>>;

/** The objectives under the names that files and users give them. @throws InputError for an unknown one, or none */
export function objectiveWeights(given: Readonly<Record<string, number | undefined>>): [ObjectiveName, number][] {
  const entries = Object.entries(given).flatMap(([name, weight]): [ObjectiveName, number][] => {
    if (!Object.hasOwn(objectives, name) || weight === undefined || !Number.isFinite(weight)) {
      throw new InputError({
        code: "invalid-setting",
        where: `objective ${name}`,
        expected: `one of ${Object.keys(objectives).join(", ")} with a finite weight`,
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

/** @throws InputError naming the tensor that is missing, of no use, or holds a number that names nothing */
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
    const rows = `${name === "itm_itc" ? "itc" : name}_texts`;
    const [pairs, ranked] = shapeOf(batch, rows, name === "irtr" ? 2 : 1);
    const contrast = name === "itc" || name === "itm_itc";
    return [
      name,
      {
        pairs: pairs!,
        weight,
        ...(ranked === undefined ? {} : { falseTexts: ranked - 1 }),
        ...(contrast && batch.itc_image_ids !== undefined ? { imageIds: true } : {}),
        ...(contrast && cached ? { cached: true } : {}),
      },
    ] as const;
  });
  return {
    sizes: { texts: texts!, tokens: tokens!, images: images!, image: { height: height!, width: width! } },
    uses: Object.fromEntries(uses),
  };
}

/** By objective, how many pairs a micro-batch holds in units of the mean over all; 1 for MLM, which counts labels. */
export type Shares = Readonly<Partial<Record<ObjectiveName, number>>>;

/** @param all micro-batches of the step, of all ranks */
export function pairShares(all: readonly Pick<BatchShape, "uses">[]): Shares[] {
  const mean = (name: ObjectiveName) => all.reduce((total, { uses }) => total + uses[name]!.pairs, 0) / all.length;
  return all.map(({ uses }) => {
    const names = Object.keys(uses) as ObjectiveName[];
    return Object.fromEntries(names.map((name) => [name, name === "mlm" ? 1 : uses[name]!.pairs / mean(name)]));
  });
}

/** The same with weights multiplied; an objective without a share keeps its own. */
export function sharedOut({ sizes, uses }: BatchShape, shares: Shares): BatchShape {
  const entries = (Object.entries(uses) as [ObjectiveName, ObjectiveUse][]).map(([name, use]) => [
    name,
    { ...use, weight: (use.weight ?? 1) * (shares[name] ?? 1) },
  ]);
  return { sizes, uses: Object.fromEntries(entries) as ObjectiveUses };
}

/** @throws InputError when some micro-batches of a step say which pairs share an image, and others do not */
export function checkImageIds(all: readonly Pick<BatchShape, "uses">[]): void {
  const having = all.filter(({ uses }) => (uses.itc ?? uses.itm_itc)?.imageIds === true).length;
  if (having === 0 || having === all.length) return;
  throw new InputError({
    code: "invalid-tensor",
    where: "itc_image_ids of the batch",
    expected: "them in all micro-batches of a step, or in none",
    found: `them in ${having} of ${all.length}`,
  });
}

function shapeOf(batch: Batch, name: string, rank: number): readonly number[] {
  const tensor = batch[name];
  if (tensor?.shape.length === rank && !tensor.shape.includes(0)) return tensor.shape;
  throw new InputError({
    code: "shape-mismatch",
    where: `${name} of the batch`,
    expected: `a tensor of ${rank} ${rank === 1 ? "axis" : "axes"}, none of them empty`,
    found: tensor === undefined ? "nothing" : `${tensor.dtype}[${tensor.shape.join(", ")}]`,
  });
}

/** Whole numbers that name something: the runtime counts a negative one from the end, and says of others only that they are odd. */
function checkNumbers(
  batch: Batch,
  { text_config: { vocab_size } }: BridgeTowerConfig,
  texts: number,
  images: number,
): void {
  const limits: Readonly<Record<string, number>> = {
    input_ids: vocab_size,
    mlm_labels: vocab_size,
    itm_labels: 2,
    snli_labels: 3,
    nlvr2_labels: 2,
  };
  for (const [name, tensor] of Object.entries(batch)) {
    const stack = name.endsWith("_texts") ? texts : name.endsWith("_images") ? images : undefined;
    const limit = stack ?? limits[name];
    if (limit === undefined) continue;
    const ignored = name === "mlm_labels" ? ignoredLabel : undefined;
    const odd = tensor.toArray().find((value) => !(value >= 0 && value < limit) && value !== ignored);
    if (odd === undefined) continue;
    throw new InputError({
      code: "invalid-tensor",
      where: `${name} of the batch`,
      expected: `${stack !== undefined ? "rows of the stack, " : ""}0 to ${limit - 1}${ignored === undefined ? "" : ` or ${ignored}`}`,
      found: String(odd),
    });
  }
}

/** Stands where no token is masked. */
const ignoredLabel = -100;

/** Labels of masked tokens in a batch. */
export function maskedLabels({ mlm_labels }: Batch): number {
  return mlm_labels === undefined ? 0 : mlm_labels.toArray().filter((id) => id !== ignoredLabel).length;
}
