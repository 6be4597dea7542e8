/** The type of an entry in the table of heads. */
import type { Tensor } from "../graph/index.js";
import type { Scope } from "../nn/index.js";
import type { BridgeTowerConfig, ConfigNeed } from "./config.js";
import type { ObjectiveName } from "./objectives/objectives.js";

/** The inputs of a head's output. */
export interface HeadInputs {
  /** The text tower's last state, of the first token at least [batch, 1 or more, hidden]. */
  readonly textToken: Tensor;
  /** The vision tower's last state, of the class token at least [batch, 1 or more, visionHidden]. */
  readonly imageToken: Tensor;
  /** The last cross-modal level's text tokens [batch, text, hidden]. */
  readonly textFeatures: Tensor;
  /** [batch, 2 hidden] */
  readonly pooled: Tensor;
  /** Pooled outputs of one text with a first and with a second image, side by side [batch, 4 hidden]. */
  readonly bothPooled: Tensor;
}

export type Build = (p: Scope, config: BridgeTowerConfig, x: Tensor) => Tensor;

export interface HeadOutput {
  readonly reads: keyof HeadInputs;
  readonly build: Build;
  /** The task of the class `BridgeTower` that reads it. */
  readonly task?: string;
  /** The task reads the i-th text with the i-th image. Default false: it reads all texts with one image. */
  readonly isPairwise?: boolean;
  /** Further requirements for the config. */
  readonly needs?: ConfigNeed;
  /** Whether a head lacks the output and its parameters if the requirements are not met. Default false: it has the parameters. */
  readonly isOptional?: boolean;
}

/** Parameters of a head that share the first part of their names. */
export interface HeadModule {
  /** Group of learning rates, by the authors' `set_schedule`. */
  readonly learningRate: "base" | "head" | "cross_modal";
  /** Weights that start at 1. Biases start at 0, other weights are sampled as all linear layers are. */
  readonly ones?: readonly string[];
  /** Starts as one row of another head's weight and bias, if a starting point has them. */
  readonly startsAs?: { readonly module: string; readonly row: number; readonly rows: number };
}

/** Shape of a tensor in a file of weights. */
export type ShapeOf = (name: string) => readonly number[] | undefined;

export interface HeadEntry {
  readonly outputs: Readonly<Record<string, HeadOutput>>;
  /** By the first part of the parameters' names. */
  readonly modules: Readonly<Record<string, HeadModule>>;
  /** Parameters without axes that belong to the head's loss. */
  readonly scalars?: Readonly<
    Record<
      string,
      { readonly isUsed: (config: BridgeTowerConfig) => boolean; readonly start: (config: BridgeTowerConfig) => number }
    >
  >;
  /** The objectives that train it. */
  readonly objectives: readonly ObjectiveName[];
  /** Whether a model of this config can have it; by default always. */
  readonly fits?: (config: BridgeTowerConfig) => boolean;
  /** Fields of config.json that follow from the shapes in a file of weights. */
  readonly infer?: (shapeOf: ShapeOf) => Partial<BridgeTowerConfig>;
  /** For heads with a classifier as in `classifierFields`. */
  readonly classifier?: { readonly module: string; readonly sizeField?: "vqav2_label_size" };
}
