/**
 * The graphs that are run: the whole model over a batch of pairs, and its three parts for n images and m texts. A part's
 * outputs are the next one's inputs, under the same names. Whoever asks takes the outputs wanted; nothing else is computed.
 */
import { concat, input, reshape, type Dim, type Tensor } from "../graph/index.js";
import { Scope, type Context } from "../nn/index.js";
import {
  crossModalEncoder,
  imageBridge,
  imageEmbeddings,
  pooled,
  textBridge,
  textTower,
  visionTower,
  type Bridge,
  type ImageType,
  type Level,
} from "./bridgetower.js";
import { patchesAlong, type BridgeTowerConfig } from "./config.js";
import { jointContrastiveLoss } from "./contrastive.js";
import {
  imageEmbedding,
  itmHead,
  lastImageToken,
  lastTextToken,
  mlmHead,
  nlvr2Head,
  pairEmbedding,
  rankHead,
  snliHead,
  textEmbedding,
  vqaHead,
} from "./heads.js";

export type Outputs = Readonly<Record<string, Tensor>>;

/** Inputs of a graph over texts: `input_ids` and `attention_mask`, int64 [batch, text]. */
const textInputs = () => ({
  input_ids: input("input_ids", "int64", ["batch", "text"]),
  attention_mask: input("attention_mask", "int64", ["batch", "text"]),
});

/** Size of the imageBatch that a graph is built for, in pixels. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** `pixel_values`, float32 [batch, channels, height, width]. */
const pixelInput = (config: BridgeTowerConfig, { height, width }: ImageSize) =>
  input("pixel_values", "float32", ["batch", config.vision_config.num_channels, height, width]);

/** Patches and class token of a imageSize. */
const imageTokens = ({ vision_config }: BridgeTowerConfig, { height, width }: ImageSize): number =>
  patchesAlong(vision_config, height) * patchesAlong(vision_config, width) + 1;

export interface WholeModel {
  /** Embeddings, then each layer, [batch, text, hidden]. */
  readonly textStates: readonly Tensor[];
  /** Embeddings, then each block, before ln_post, [batch, image, visionHidden]. */
  readonly imageStates: readonly Tensor[];
  readonly levels: readonly Level[];
  /** [batch, 2 hidden] */
  readonly pooler_output: Tensor;
  readonly text_embeds: () => Tensor;
  readonly image_embeds: () => Tensor;
  readonly cross_embeds: () => Tensor;
  /** The three embeddings [batch, 3, contrastive_hidden_size]. */
  readonly stackedEmbeds: () => Tensor;
  readonly itmLogits: () => Tensor;
  readonly mlmLogits: () => Tensor;
  readonly contrastiveLoss: () => Tensor;
}

/**
 * The whole model over a batch of pairs.
 * @param image size of `pixel_values`, or `"embeds"` to read `image_embeds` [batch, image, visionHidden] in their place
 * @param lastQueries `"first"` where only pooled outputs are wanted
 * @param p the scope to ask for parameters, for callers that want to know which were asked for
 */
export function wholeModel(
  config: BridgeTowerConfig,
  imageSize: ImageSize | "embeds",
  lastQueries: "all" | "first",
  p = Scope.root(),
): WholeModel {
  const { input_ids, attention_mask } = textInputs();
  const embeddings =
    imageSize === "embeds"
      ? input("image_embeds", "float32", ["batch", "image", config.vision_config.hidden_size])
      : imageEmbeddings(p, config, pixelInput(config, imageSize));
  const textStates = textTower(p, config, input_ids, attention_mask);
  const imageStates = visionTower(p, config, embeddings);
  const text = textBridge(p, config, textStates, attention_mask);
  const image = imageBridge(p, config, imageStates);
  const levels = crossModalEncoder(p, config, text, image, attention_mask, lastQueries);
  const last = levels.at(-1)!;
  const pooler_output = pooled(p, config, last);
  const text_embeds = once(() =>
    textEmbedding(p, config, lastTextToken(p, config, textStates.at(-2)!, attention_mask)),
  );
  const image_embeds = once(() => imageEmbedding(p, config, lastImageToken(p, config, imageStates.at(-2)!)));
  const cross_embeds = once(() => pairEmbedding(p, config, pooler_output));
  const embeds = () => [text_embeds(), image_embeds(), cross_embeds()] as const;
  const row = (x: Tensor) => reshape(x, [x.shape[0]!, 1, x.shape[1]!]);
  return {
    textStates,
    imageStates,
    levels,
    pooler_output,
    text_embeds,
    image_embeds,
    cross_embeds,
    stackedEmbeds: () => concat(embeds().map(row), 1),
    itmLogits: () => itmHead(p, pooler_output),
    mlmLogits: () => mlmHead(p, config, last.text),
    contrastiveLoss: () => {
      const [text, image, cross] = embeds();
      return jointContrastiveLoss(p, { text, image, cross });
    },
  };
}

/** The value, made when first asked for: a head's weights may be missing in a checkpoint. */
export function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** The text half: its bridge, and `text_embeds` [batch, contrastive_hidden_size]. */
export function textPart(config: BridgeTowerConfig): { bridge: Outputs; embeds: () => Outputs } {
  const p = Scope.root();
  const { input_ids, attention_mask } = textInputs();
  const states = textTower(p, config, input_ids, attention_mask);
  return {
    bridge: bridgeOutputs("text", textBridge(p, config, states, attention_mask)),
    embeds: () => ({ text_embeds: textEmbedding(p, config, lastTextToken(p, config, states.at(-2)!, attention_mask)) }),
  };
}

/** The image half for imageBatch of one size, each the imageSize of its text or the second of two: its bridge, and `image_embeds` [batch, contrastive_hidden_size]. */
export function imagePart(
  config: BridgeTowerConfig,
  imageSize: ImageSize,
  type: ImageType = 1,
): { bridge: Outputs; embeds: () => Outputs } {
  const p = Scope.root();
  const states = visionTower(p, config, imageEmbeddings(p, config, pixelInput(config, imageSize)));
  return {
    bridge: bridgeOutputs("image", imageBridge(p, config, states, type)),
    embeds: () => ({ image_embeds: imageEmbedding(p, config, lastImageToken(p, config, states.at(-2)!)) }),
  };
}

export interface FusionOutputs {
  /** `logits` [batch, 2]: no match, match. */
  readonly itm: () => Outputs;
  /** `mlm_logits` [batch, text, vocabulary]. */
  readonly mlm: () => Outputs;
  /** `cross_embeds` [batch, contrastive_hidden_size]. */
  readonly itc: () => Outputs;
  /** `logits` [batch, vqav2_label_size]. */
  readonly vqa: () => Outputs;
  /** `logits` [batch, 3]: contradiction, neutral, entailment. */
  readonly snli: () => Outputs;
  /** `scores` [batch, 1]: how well text and imageSize fit, to rank texts or imageBatch against each other. */
  readonly rank: () => Outputs;
  /** `pooler_output` [batch, 2 hidden]. */
  readonly pooled: () => Outputs;
}

/**
 * The fusion of both bridges, with heads.
 * @param images 1: all texts of the batch share one image; `"batch"`: the i-th text goes with the i-th image
 * @param lastQueries `"first"` where only pooled outputs are wanted; MLM needs `"all"`
 */
export function fusionPart(
  config: BridgeTowerConfig,
  imageSize: ImageSize,
  imageBatch: 1 | "batch",
  lastQueries: "all" | "first",
): FusionOutputs {
  const p = Scope.root();
  const { attention_mask } = textInputs();
  const text = bridgeInputs("text", config, "batch", "text");
  const image = bridgeInputs("image", config, imageBatch, imageTokens(config, imageSize));
  const last = crossModalEncoder(p, config, text, image, attention_mask, lastQueries).at(-1)!;
  const pooler_output = once(() => pooled(p, config, last));
  return {
    itm: () => ({ logits: itmHead(p, pooler_output()) }),
    mlm: () => ({ mlm_logits: mlmHead(p, config, last.text) }),
    itc: () => ({ cross_embeds: pairEmbedding(p, config, pooler_output()) }),
    vqa: () => ({ logits: vqaHead(p, config, pooler_output()) }),
    snli: () => ({ logits: snliHead(p, config, pooler_output()) }),
    rank: () => ({ scores: rankHead(p, pooler_output()) }),
    pooled: () => ({ pooler_output: pooler_output() }),
  };
}

/** `logits` [batch, 2]: false, true; from `first_pooler_output` and `second_pooler_output` [batch, 2 hidden]. */
export function comparisonPart(config: BridgeTowerConfig): Outputs {
  const pooled = (which: string) => input(`${which}_pooler_output`, "float32", ["batch", 2 * config.hidden_size]);
  return { logits: nlvr2Head(Scope.root(), config, [pooled("first"), pooled("second")]) };
}

function bridgeOutputs(modality: "text" | "image", { attended, context, levels }: Bridge): Outputs {
  return {
    [`${modality}_attended`]: attended,
    [`${modality}_key`]: context.key,
    [`${modality}_value`]: context.value,
    ...Object.fromEntries(levels.map((state, i) => [`${modality}_level_${i + 1}`, state])),
  };
}

function bridgeInputs(modality: "text" | "image", config: BridgeTowerConfig, batch: Dim, tokens: Dim): Bridge {
  const heads = config.text_config.num_attention_heads;
  const headSize = config.hidden_size / heads;
  const state = (name: string) => input(`${modality}_${name}`, "float32", [batch, tokens, config.hidden_size]);
  const context: Context = {
    key: input(`${modality}_key`, "float32", [batch, heads, headSize, tokens]),
    value: input(`${modality}_value`, "float32", [batch, heads, tokens, headSize]),
  };
  const bridged = config.model_type === "meter" ? 0 : config.num_hidden_layers - 1;
  const levels = Array.from({ length: bridged }, (_, i) => state(`level_${i + 1}`));
  return { attended: state("attended"), probabilities: undefined, context, levels };
}

/** The square imageSize that the checkpoint's position table was made for. */
export const nativeImage = ({ vision_config: { image_size } }: BridgeTowerConfig): ImageSize => ({
  height: image_size,
  width: image_size,
});
