/**
 * The shared half of a training step: each tower runs once over the step's stack of texts or images, and the cross-modal
 * encoder over the pairs that an objective names by their rows.
 */
import { gather, input, type Input, type Tensor } from "../../graph/index.js";
import { lazy, type Scope } from "../../nn/index.js";
import {
  crossModalEncoder,
  imageEmbeddings,
  imageSide,
  pooled,
  textSide,
  uniModalState,
  type EncoderOptions,
  type ImageType,
  type Level,
  type Side,
  type UniModalState,
} from "../bridgetower.js";
import type { BridgeTowerConfig, ImageSize } from "../config.js";
import { imageEmbedding, textEmbedding } from "../heads.js";

/** Sizes of the stacks; a training graph is made for one such set. */
export interface StackSizes {
  readonly texts: number;
  /** Of each text, padding included. */
  readonly tokens: number;
  readonly images: number;
  readonly image: ImageSize;
}

/** The towers, run once over the stacks of a training step, and their outputs for objectives. */
export class StackedTowers {
  /** States between blocks: the inside of a block can be recomputed from them. */
  readonly boundaries: Tensor[];
  readonly textEmbeds: () => Tensor;
  readonly imageEmbeds: () => Tensor;
  private readonly attention_mask: Input;
  private readonly image: Side;
  private readonly states: () => { text: UniModalState; image: UniModalState };
  private readonly inputs = new Map<string, Input>();

  /** @param reads whole tower states, or embeddings alone, which need only the first token of the last state */
  constructor(
    readonly p: Scope,
    readonly config: BridgeTowerConfig,
    readonly sizes: StackSizes,
    reads: "states" | "embeddings",
  ) {
    const { texts, tokens, images, image: size } = sizes;
    const input_ids = input("input_ids", "int64", [texts, tokens]);
    this.attention_mask = input("attention_mask", "int64", [texts, tokens]);
    const channels = config.vision_config.num_channels;
    const pixel_values = input("pixel_values", "float32", [images, channels, size.height, size.width]);
    const text = textSide(p, config, input_ids, this.attention_mask);
    this.image = imageSide(p, config, imageEmbeddings(p, config, pixel_values));
    this.boundaries = [...text.states, ...this.image.states];
    const last = ({ states, firstToken }: Side) => (reads === "states" ? states.at(-1)! : firstToken());
    this.textEmbeds = lazy(() => textEmbedding(p, config, last(text)));
    this.imageEmbeds = lazy(() => imageEmbedding(p, config, last(this.image)));
    this.states = lazy(() => ({ text: text.state(), image: this.image.state() }));
  }

  /** The int64 input of this name; the same in each call. */
  int64Input(name: string, shape: readonly number[]): Input {
    return this.inputOnce(input(name, "int64", shape));
  }

  /** The float32 input of this name; the same in each call. */
  float32Input(name: string, shape: readonly number[]): Input {
    return this.inputOnce(input(name, "float32", shape));
  }

  /**
   * The cross-modal encoder over pairs.
   * @param texts rows of the stack of texts, int64 [pairs]; @param images as many rows of the stack of images
   */
  fuse(
    texts: Tensor,
    images: Tensor,
    { type = 1, ...options }: EncoderOptions & { readonly type?: ImageType } = {},
  ): Level {
    const { p, config } = this;
    const text = gatherState(this.states().text, texts);
    const image =
      type === 1
        ? gatherState(this.states().image, images)
        : uniModalState(
            p,
            config,
            "image",
            this.image.states.map((state) => gather(state, images)),
            { tokenType: type },
          );
    const attention_mask = gather(this.attention_mask, texts);
    const levels = crossModalEncoder(p, config, { text, image, attention_mask }, options);
    this.boundaries.push(...levels.flatMap((level) => [level.text, level.image]));
    return levels.at(-1)!;
  }

  /** Pooled outputs of pairs. -> [pairs, 2 hidden] */
  pool(texts: Tensor, images: Tensor, type: ImageType = 1): Tensor {
    return pooled(this.p, this.config, this.fuse(texts, images, { lastQueries: "first", type }));
  }

  /** Pooled outputs of the pairs that the inputs `X_texts` and `X_images` name. -> [pairs, 2 hidden] */
  poolPairs(objective: string, pairs: number): Tensor {
    return this.pool(this.int64Input(`${objective}_texts`, [pairs]), this.int64Input(`${objective}_images`, [pairs]));
  }

  private inputOnce(wanted: Input): Input {
    const known = this.inputs.get(wanted.name) ?? wanted;
    this.inputs.set(wanted.name, known);
    return known;
  }
}

/** The state of the pairs: rows [pairs] of the state of the whole stack. */
function gatherState({ attended, context, levels }: UniModalState, rows: Tensor): UniModalState {
  return {
    attended: gather(attended, rows),
    probabilities: undefined,
    context: { key: gather(context.key, rows), value: gather(context.value, rows) },
    levels: levels.map((state) => gather(state, rows)),
  };
}
