/** Fields of config.json that follow from the shapes of the heads in a file of weights. */
import { classifierWidth, headEntry, heads, type BridgeTowerConfig, type ShapeOf } from "../model/index.js";

/**
 * Fields of config.json that follow from the shapes of the heads in a file of weights.
 * @param config the fields known so far: a `head_hidden_scale` that gives the right width is kept
 */
export function inferHeadFields(
  shapeOf: ShapeOf,
  config: Pick<BridgeTowerConfig, "hidden_size" | "head_hidden_scale">,
): Partial<BridgeTowerConfig> {
  const inferred = heads.map((head) => headEntry(head).infer?.(shapeOf));
  return Object.assign({}, ...inferred, classifierFields(shapeOf, config)) as Partial<BridgeTowerConfig>;
}

/**
 * `task_head_layers`, `head_hidden_scale` and `vqav2_label_size` by the classifiers' shapes: published files lack them or keep
 * them from another run. Without what the classifiers do not agree on.
 * @internal
 */
export function classifierFields(
  shapeOf: ShapeOf,
  config: Pick<BridgeTowerConfig, "hidden_size" | "head_hidden_scale">,
): Partial<BridgeTowerConfig> {
  const found = heads.flatMap((head) => {
    const { classifier } = headEntry(head);
    const sizes = classifier && classifierSizes((layer) => shapeOf(`${classifier.module}.${layer}.weight`));
    return sizes === undefined ? [] : [{ ...sizes, sizeField: classifier?.sizeField }];
  });
  const layers = onlyOne(found.map((one) => one.layers));
  const width = onlyOne(found.flatMap((one) => one.width ?? []));
  const fields: { -readonly [K in keyof BridgeTowerConfig]?: BridgeTowerConfig[K] } = {};
  if (layers !== undefined) fields.task_head_layers = layers;
  if (width !== undefined && classifierWidth(config) !== width) {
    fields.head_hidden_scale = headHiddenScale(width, config.hidden_size);
  }
  for (const { sizeField, classes } of found) if (sizeField !== undefined) fields[sizeField] = classes;
  return fields;
}

/** By the shapes [outputs, inputs] of the linear layers .0 and .3; `undefined` if they are no such shapes. */
function classifierSizes(shapeOf: (layer: number) => readonly number[] | undefined) {
  const [first, last] = [shapeOf(0), shapeOf(3)];
  const isMatrix = (shape: readonly number[]) => shape.length === 2 && shape.every((size) => size > 0);
  if (first === undefined || !isMatrix(first)) return undefined;
  if (last === undefined) return { layers: 1, width: undefined, classes: first[0]! };
  return isMatrix(last) ? { layers: 2, width: first[0]!, classes: last[0]! } : undefined;
}

/** The `head_hidden_scale` under which classifiers are `width` wide inside. */
function headHiddenScale(width: number, hidden_size: number): number {
  const head_hidden_scale = width / (2 * hidden_size);
  // The quotient itself may be rounded to below the width: half a column more.
  return classifierWidth({ hidden_size, head_hidden_scale }) === width
    ? head_hidden_scale
    : (width + 0.5) / (2 * hidden_size);
}

/** The value that all entries have. */
function onlyOne(values: readonly number[]): number | undefined {
  const [first, ...others] = new Set(values);
  return others.length === 0 ? first : undefined;
}
