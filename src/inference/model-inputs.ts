/** The inputs of the model classes, and checks that name the wrong input. */
import { checkArgument, described, objectType } from "../arguments.js";
import { InputError } from "../errors.js";
import { HostTensor, type DType } from "../graph/index.js";
import { checkImageSize, maxTextLength, type BridgeTowerConfig, type ImageSize } from "../model/index.js";

/** A batch, as the processor makes it. `pixel_mask` and `token_type_ids` are accepted and have no effect, as in transformers. */
export interface ModelInputs {
  /** int64 [batch, text] */
  readonly input_ids: HostTensor<"int64">;
  /** int64 [batch, text], 1 for a token and 0 for padding; all ones by default */
  readonly attention_mask?: HostTensor<"int64">;
  /** float32 [batch, 3, height, width]; needed unless `image_embeds` is given */
  readonly pixel_values?: HostTensor<"float32">;
  readonly pixel_mask?: HostTensor<"int64">;
  readonly token_type_ids?: HostTensor<"int64">;
  /** float32 [batch, image, visionHidden]: the output of the vision tower's embeddings, after `ln_pre` */
  readonly image_embeds?: HostTensor<"float32">;
  /** ITM: int64 [batch], 1 for a match. MLM: int64 [batch, text], −100 for positions without a loss. */
  readonly labels?: HostTensor<"int64">;
}

const inputTypes = {
  input_ids: "int64",
  attention_mask: "int64",
  pixel_values: "float32",
  pixel_mask: "int64",
  token_type_ids: "int64",
  image_embeds: "float32",
  labels: "int64",
} as const satisfies Record<keyof ModelInputs, DType>;

/** @throws InputError naming the first input that is missing, or is not a tensor of its type */
export function checkTensors(inputs: ModelInputs): void {
  checkArgument("inputs", inputs, objectType);
  for (const [name, dtype] of Object.entries(inputTypes)) {
    const value: unknown = inputs[name as keyof ModelInputs];
    if (value === undefined && name !== "input_ids") continue;
    if (value instanceof HostTensor && value.dtype === dtype) continue;
    throw new InputError({
      code: "invalid-tensor",
      where: name,
      expected: `a HostTensor of ${dtype}`,
      found: value instanceof HostTensor ? `one of ${String(value.dtype)}` : described(value),
      hint: "Use the tensors that BridgeTowerProcessor gives",
    });
  }
}

/**
 * Validates the inputs against each other and against the config.
 * @returns the size of the images, or `"embeds"` if image embeddings are given in their place
 * @throws InputError naming the first input that does not fit
 */
export function checkInputs(
  { text_config, vision_config }: BridgeTowerConfig,
  inputs: ModelInputs,
  interpolate: boolean,
): ImageSize | "embeds" {
  const { input_ids, attention_mask, pixel_values, image_embeds } = inputs;
  const [batch = 0, tokens = 0] = input_ids.shape;
  require(batch > 0 && tokens > 0, "input_ids", "[batch, text] with at least one text and one token", input_ids);
  const limit = maxTextLength(text_config);
  if (tokens > limit) {
    throw new InputError({
      code: "text-too-long",
      where: "input_ids",
      expected: `at most ${limit} tokens, the size of the position table`,
      found: String(tokens),
      hint: "Truncate the text (truncation: true)",
    });
  }
  if (attention_mask !== undefined) {
    const fits = attention_mask.shape.join() === input_ids.shape.join();
    require(fits, "attention_mask", `[${batch}, ${tokens}] like input_ids`, attention_mask);
  }
  if (image_embeds !== undefined) {
    require(image_embeds.shape[0] === batch, "image_embeds", `${batch} rows, one for each text`, image_embeds);
    return "embeds";
  }
  const [images, , height, width] = pixel_values?.shape ?? [];
  if (height === undefined || width === undefined) {
    throw new InputError({
      code: "invalid-tensor",
      where: "pixel_values",
      expected: "images [batch, 3, height, width]",
      found: pixel_values === undefined ? "undefined" : shapeOf(pixel_values),
      hint: "Give pixel_values or image_embeds",
    });
  }
  require(images === batch, "pixel_values", `${batch} images, one for each text`, pixel_values!);
  checkImageSize(vision_config, height, width, interpolate);
  return { height, width };
}

/** @throws InputError for labels of another shape, beyond the classes and the ignored values, or ignored one and all */
export function checkLabels(
  labels: HostTensor<"int64">,
  shape: readonly number[],
  classes: number,
  ignored: readonly number[],
): void {
  const values = labels.toArray();
  const bad = values.find((label) => !(label >= 0 && label < classes) && !ignored.includes(label));
  if (bad !== undefined || labels.shape.join() !== shape.join()) {
    const others = ignored.map((value) => ` or ${value}`).join("");
    throw new InputError({
      code: "invalid-tensor",
      where: "labels",
      expected: `int64[${shape.join(", ")}] with values from 0 to ${classes - 1}${others}`,
      found: bad === undefined ? shapeOf(labels) : String(bad),
    });
  }
  // transformers gives NaN here: the mean over no position.
  if (values.every((label) => ignored.includes(label))) {
    throw new InputError({
      code: "invalid-tensor",
      where: "labels",
      expected: "at least one position with a label",
      found: `${ignored.join(" or ")} everywhere`,
      hint: "Leave labels out if you need no loss",
    });
  }
}

function require(fits: boolean, where: string, expected: string, found: HostTensor): void {
  if (!fits) throw new InputError({ code: "shape-mismatch", where, expected, found: shapeOf(found) });
}

const shapeOf = ({ shape }: HostTensor): string => `[${shape.join(", ")}]`;
