/**
 * The shared half of a training step: each tower runs once over the step's stack of texts or images, and the cross-modal
 * encoder over the pairs that an objective names by their rows.
 */
import { gather, input, type Input, type Tensor } from "../graph/index.js";
import type { Scope } from "../nn/index.js";
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
import type { BridgeTowerConfig } from "./config.js";
import { once, type ImageSize } from "./graphs.js";
import { imageEmbedding, lastImageToken, lastTextToken, textEmbedding } from "./heads.js";

/** Sizes of the stacks; a training graph is made for one such set. */
export interface StackSizes {
  readonly texts: number;
  /** Of each text, padding included. */
  readonly tokens: number;
  readonly images: number;
  readonly image: ImageSize;
}

/** The towers of a step, run once, and what objectives take from them. */
export class Step {
  readonly boundaries: Tensor[];
  private readonly attention_mask: Input;
  private readonly textStates: readonly Tensor[];
  private readonly imageStates: readonly Tensor[];
  private readonly known = new Map<string, Input>();
  readonly textEmbeds: () => Tensor;
  readonly imageEmbeds: () => Tensor;
  private readonly bridges: () => { text: Bridge; image: Bridge };

  constructor(
    readonly p: Scope,
    readonly config: BridgeTowerConfig,
    readonly sizes: StackSizes,
    /** Whether whole tower states are read, or embeddings alone, which need the first token of the last state. */
    private readonly reads: "states" | "embeddings",
  ) {
    const { texts, tokens, images, image } = sizes;
    const input_ids = input("input_ids", "int64", [texts, tokens]);
    this.attention_mask = input("attention_mask", "int64", [texts, tokens]);
    const channels = config.vision_config.num_channels;
    const pixel_values = input("pixel_values", "float32", [images, channels, image.height, image.width]);
    this.textStates = textTower(p, config, input_ids, this.attention_mask);
    this.imageStates = visionTower(p, config, imageEmbeddings(p, config, pixel_values));
    this.boundaries = [...this.textStates, ...this.imageStates];
    this.textEmbeds = once(() => textEmbedding(p, config, this.lastText()));
    this.imageEmbeds = once(() => imageEmbedding(p, config, this.lastImage()));
    this.bridges = once(() => ({
      text: textBridge(p, config, this.textStates, this.attention_mask),
      image: imageBridge(p, config, this.imageStates),
    }));
  }

  /** An input of whole numbers, int64; the same each time. */
  rows(name: string, shape: readonly number[]): Input {
    return this.inputOnce(input(name, "int64", shape));
  }

  /** An input of float32; the same each time. */
  floats(name: string, shape: readonly number[]): Input {
    return this.inputOnce(input(name, "float32", shape));
  }

  /**
   * The cross-modal encoder over pairs.
   * @param texts rows of the stack of texts, int64 [pairs]; @param images as many rows of the stack of images
   */
  fuse(texts: Tensor, images: Tensor, lastQueries: "all" | "first", type: ImageType = 1): Level {
    const { p, config } = this;
    const text = takeBridge(this.bridges().text, texts);
    const image =
      type === 1
        ? takeBridge(this.bridges().image, images)
        : imageBridge(
            p,
            config,
            this.imageStates.map((state) => gather(state, images)),
            type,
          );
    const mask = gather(this.attention_mask, texts);
    const levels = crossModalEncoder(p, config, text, image, mask, lastQueries);
    this.boundaries.push(...levels.flatMap((level) => [level.text, level.image]));
    return levels.at(-1)!;
  }

  /** Pooled vectors of the pairs `X_texts`, `X_images`. -> [pairs, 2 hidden] */
  pool(objective: string, pairs: number): Tensor {
    const texts = this.rows(`${objective}_texts`, [pairs]);
    const images = this.rows(`${objective}_images`, [pairs]);
    return pooled(this.p, this.config, this.fuse(texts, images, "first"));
  }

  private lastText(): Tensor {
    if (this.reads === "states") return this.textStates.at(-1)!;
    return lastTextToken(this.p, this.config, this.textStates.at(-2)!, this.attention_mask);
  }

  private lastImage(): Tensor {
    return this.reads === "states"
      ? this.imageStates.at(-1)!
      : lastImageToken(this.p, this.config, this.imageStates.at(-2)!);
  }

  private inputOnce(wanted: Input): Input {
    const known = this.known.get(wanted.name) ?? wanted;
    this.known.set(wanted.name, known);
    return known;
  }
}

/** A bridge of the pairs: rows [pairs] of one over the whole stack. */
function takeBridge({ attended, context, levels }: Bridge, rows: Tensor): Bridge {
  return {
    attended: gather(attended, rows),
    probabilities: undefined,
    context: { key: gather(context.key, rows), value: gather(context.value, rows) },
    levels: levels.map((state) => gather(state, rows)),
  };
}
