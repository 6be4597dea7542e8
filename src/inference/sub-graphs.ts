/**
 * The graphs of inference: the whole model over a batch of pairs, and its sub-graphs for n images and m texts. The outputs of a sub-graph
 * are the inputs of the next one, under the same names. Each only chooses inputs and outputs of the forward pass; other values are not
 * computed.
 */
import { concat, input, type Dim, type Tensor } from "../graph/index.js";
import { lazy, Scope, type Context } from "../nn/index.js";
import {
  bridgeTower,
  crossModalEncoder,
  headEntry,
  imageEmbeddings,
  imageSide,
  nativeImage,
  patchesAlong,
  pooled,
  textSide,
  type BridgeTowerConfig,
  type BridgeTowerOutputs,
  type EncoderOptions,
  type Head,
  type HeadInputs,
  type ImageSize,
  type ImageType,
  type UniModalState,
} from "../model/index.js";

export type Outputs = Readonly<Record<string, Tensor>>;

/** The inputs of heads in a graph, built on first use. */
type HeadReads<K extends keyof HeadInputs> = { readonly [Name in K]: () => Tensor };

/**
 * Outputs of heads, as far as their inputs are given and the config has them.
 * @param inputs each computed only if an output reads it
 */
function headOutputs(
  p: Scope,
  config: BridgeTowerConfig,
  wanted: readonly Head[],
  inputs: { readonly [K in keyof HeadInputs]?: () => Tensor },
): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {};
  for (const head of wanted) {
    for (const [name, { reads, build, needs }] of Object.entries(headEntry(head).outputs)) {
      const read = inputs[reads];
      if (read !== undefined && needs?.holds(config) !== false) outputs[name] = build(p, config, read());
    }
  }
  return outputs;
}

/** `input_ids` and `attention_mask`, int64 [batch, text]. */
const textInputs = () => ({
  input_ids: input("input_ids", "int64", ["batch", "text"]),
  attention_mask: input("attention_mask", "int64", ["batch", "text"]),
});

/** `pixel_values`, float32 [batch, channels, height, width]. */
const pixelInput = ({ vision_config }: BridgeTowerConfig, { height, width }: ImageSize) =>
  input("pixel_values", "float32", ["batch", vision_config.num_channels, height, width]);

export interface PairGraph extends BridgeTowerOutputs {
  readonly p: Scope;
  readonly headInputs: HeadReads<"textToken" | "imageToken" | "textFeatures" | "pooled">;
  /** Outputs of the heads. */
  readonly heads: (...wanted: readonly Head[]) => Record<string, Tensor>;
}

export interface PairGraphOptions extends EncoderOptions {
  /** Size of `pixel_values`, or `embeds` to read `image_embeds` [batch, image, visionHidden] in their place. */
  readonly image: ImageSize | "embeds";
}

/**
 * The whole model over a batch of pairs.
 * @param p the scope of parameters, for callers that need the list of those used
 */
export function pairGraph(
  config: BridgeTowerConfig,
  { image, ...options }: PairGraphOptions,
  p: Scope = Scope.root(),
): PairGraph {
  const { hidden_size } = config.vision_config;
  const inputs =
    image === "embeds"
      ? { image_embeds: input("image_embeds", "float32", ["batch", "image", hidden_size]) }
      : { pixel_values: pixelInput(config, image) };
  const outputs = bridgeTower(p, config, { ...textInputs(), ...inputs }, options);
  const headInputs = {
    textToken: outputs.text.firstToken,
    imageToken: outputs.image.firstToken,
    textFeatures: () => outputs.levels.at(-1)!.text,
    pooled: () => outputs.pooler_output,
  };
  return { ...outputs, p, headInputs, heads: (...wanted) => headOutputs(p, config, wanted, headInputs) };
}

export interface SubGraph {
  /** The inputs of the next sub-graph. */
  readonly state: () => Outputs;
  /** The outputs that these heads have here. */
  readonly heads: (wanted: readonly Head[]) => Outputs;
}

/** The text alone. */
export function textGraph(config: BridgeTowerConfig): SubGraph {
  const p = Scope.root();
  const { input_ids, attention_mask } = textInputs();
  const side = textSide(p, config, input_ids, attention_mask);
  return {
    state: () => stateOutputs("text", side.state()),
    heads: (wanted) => headOutputs(p, config, wanted, { textToken: side.firstToken }),
  };
}

/** Images of one size, each the image of its text or the second of two. */
export function imageGraph(
  config: BridgeTowerConfig,
  { image = nativeImage(config), type = 1 }: { readonly image?: ImageSize; readonly type?: ImageType } = {},
): SubGraph {
  const p = Scope.root();
  const side = imageSide(p, config, imageEmbeddings(p, config, pixelInput(config, image)), type);
  return {
    state: () => stateOutputs("image", side.state()),
    heads: (wanted) => headOutputs(p, config, wanted, { imageToken: side.firstToken }),
  };
}

export interface FusionGraphOptions extends EncoderOptions {
  /** Default `nativeImage`. */
  readonly image?: ImageSize;
  /** All texts of the batch share one image; by default the i-th text belongs to the i-th image. */
  readonly sharedImage?: boolean;
}

/** The cross-modal encoder over the states of both sides; its own state is `pooler_output` [batch, 2 hidden]. */
export function fusionGraph(
  config: BridgeTowerConfig,
  { image: size = nativeImage(config), sharedImage = false, ...options }: FusionGraphOptions = {},
): SubGraph {
  const p = Scope.root();
  const { attention_mask } = textInputs();
  const text = stateInputs("text", config, ["batch", "text"]);
  const image = stateInputs("image", config, [sharedImage ? 1 : "batch", imageTokens(config, size)]);
  const last = crossModalEncoder(p, config, { text, image, attention_mask }, options).at(-1)!;
  const pooler_output = lazy(() => pooled(p, config, last));
  return {
    state: () => ({ pooler_output: pooler_output() }),
    heads: (wanted) => headOutputs(p, config, wanted, { textFeatures: () => last.text, pooled: pooler_output }),
  };
}

/** Heads over one text with two images: reads `first_pooler_output` and `second_pooler_output` [batch, 2 hidden]. */
export function comparisonGraph(config: BridgeTowerConfig, wanted: readonly Head[]): Outputs {
  const pooled = (which: string) => input(`${which}_pooler_output`, "float32", ["batch", 2 * config.hidden_size]);
  const bothPooled = () => concat([pooled("first"), pooled("second")], 1);
  return headOutputs(Scope.root(), config, wanted, { bothPooled });
}

function stateOutputs(modality: "text" | "image", { attended, context, levels }: UniModalState): Outputs {
  return {
    [`${modality}_attended`]: attended,
    [`${modality}_key`]: context.key,
    [`${modality}_value`]: context.value,
    ...Object.fromEntries(levels.map((state, i) => [`${modality}_level_${i + 1}`, state])),
  };
}

function stateInputs(
  modality: "text" | "image",
  config: BridgeTowerConfig,
  [batch, tokens]: readonly [batch: Dim, tokens: Dim],
): UniModalState {
  const heads = config.text_config.num_attention_heads;
  const headSize = config.hidden_size / heads;
  const state = (name: string) => input(`${modality}_${name}`, "float32", [batch, tokens, config.hidden_size]);
  const context: Context = {
    key: input(`${modality}_key`, "float32", [batch, heads, headSize, tokens]),
    value: input(`${modality}_value`, "float32", [batch, heads, tokens, headSize]),
  };
  const bridges = config.model_type === "meter" ? 0 : config.num_hidden_layers - 1;
  const levels = Array.from({ length: bridges }, (_, i) => state(`level_${i + 1}`));
  return { attended: state("attended"), probabilities: undefined, context, levels };
}

/** Patches and class token of an image. */
const imageTokens = ({ vision_config }: BridgeTowerConfig, { height, width }: ImageSize): number =>
  patchesAlong(vision_config, height) * patchesAlong(vision_config, width) + 1;
