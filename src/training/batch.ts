/** What a batch holds, told by its tensors: the names are those that the objectives of the model read. */
import { InputError } from "../errors.js";
import type { HostTensor } from "../graph/index.js";
import { objectives, type ObjectiveName, type ObjectiveUses, type StackSizes } from "../model/index.js";

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
        where: `objective ${name}`,
        expected: `one of ${Object.keys(objectives).join(", ")} with a finite weight`,
        found: String(weight),
      });
    }
    return weight === 0 ? [] : [[name as ObjectiveName, weight]];
  });
  if (entries.length > 0) return entries;
  throw new InputError({ where: "objectives", expected: "at least one with a weight", found: "none" });
}

/** Sizes of the stacks and of each objective's use, as the training graph needs them. */
export interface BatchShape {
  readonly sizes: StackSizes;
  readonly uses: ObjectiveUses;
}

/** @throws InputError naming the tensor that is missing or of no use */
export function batchShape(
  batch: Batch,
  weights: readonly (readonly [ObjectiveName, number])[],
  cached: boolean,
): BatchShape {
  const [texts, tokens] = shapeOf(batch, "input_ids", 2);
  const [images, , height, width] = shapeOf(batch, "pixel_values", 4);
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
    sizes: { texts: texts!, tokens: tokens!, images: images!, picture: { height: height!, width: width! } },
    uses: Object.fromEntries(uses),
  };
}

function shapeOf(batch: Batch, name: string, rank: number): readonly number[] {
  const tensor = batch[name];
  if (tensor?.shape.length === rank && !tensor.shape.includes(0)) return tensor.shape;
  throw new InputError({
    where: `${name} of the batch`,
    expected: `a tensor of ${rank} ${rank === 1 ? "axis" : "axes"}, none of them empty`,
    found: tensor === undefined ? "nothing" : `${tensor.dtype}[${tensor.shape.join(", ")}]`,
  });
}

/** Labels of masked tokens in a batch; −100 stands where nothing is masked. */
export function maskedLabels({ mlm_labels }: Batch): number {
  return mlm_labels === undefined ? 0 : mlm_labels.toArray().filter((id) => id !== -100).length;
}
