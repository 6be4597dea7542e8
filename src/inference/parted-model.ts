/** A checkpoint and its processor, run part by part: towers once for each image and text, the fusion for each pair. */
import type { HostTensor } from "../graph/index.js";
import { checkImageSize, temperatureRange, type BridgeTowerConfig, type Head } from "../model/index.js";
import { loadImage, looksLikePhotograph, type ImageInput, type Tokenizer } from "../processing/index.js";
import { loadModel, type LoadedModel, type LoadOptions } from "./loaded-model.js";
import { checkConfig, needsOf, parts, type Part, type Task } from "./parts.js";
import { BridgeTowerProcessor } from "./bridgetower-processor.js";
import { batchOf, chunksOfEqualLength, type Tokens } from "./text-chunks.js";

/** Outputs of one part of the model, which are inputs of the next. */
export type States = Readonly<Record<string, HostTensor>>;

export interface PartOptions {
  /** Tasks to be ready for. */
  readonly prepare: readonly Task[];
  /** Keep packed copies of the text tower's weights. */
  readonly prepackText: boolean;
  /** Told of each image that looks like a photograph, each time that it is decoded. */
  readonly onPhotograph?: ((image: ImageInput) => void) | undefined;
}

export class PartedModel {
  private present: readonly Head[] | undefined;

  private constructor(
    private readonly loaded: LoadedModel,
    /** Heads that are known to be in the checkpoint. */
    private readonly available: Set<Head>,
    private readonly options: Omit<PartOptions, "prepare">,
    private readonly processor: BridgeTowerProcessor,
  ) {}

  /** @throws InputError for anything missing or broken */
  static async open(
    idOrFolder: string,
    { prepare, ...partOptions }: PartOptions,
    options: LoadOptions,
  ): Promise<PartedModel> {
    const needs = prepare.map((task) => ({ task, ...needsOf(task) }));
    const heads = new Set(needs.map(({ head }) => head));
    const loaded = await loadModel(idOrFolder, [...heads], options);
    try {
      for (const { task, config } of needs) checkConfig(config, loaded.config, task);
      for (const part of new Set(needs.flatMap((need) => need.parts))) {
        loaded.prepare(part, () => parts[part](loaded.config), compileOptions(part, partOptions.prepackText));
      }
      return new PartedModel(loaded, heads, partOptions, await BridgeTowerProcessor.fromFolder(loaded.folder));
    } catch (error) {
      await loaded.dispose();
      throw error;
    }
  }

  get config(): BridgeTowerConfig {
    return this.loaded.config;
  }

  get folder(): string {
    return this.loaded.folder;
  }

  get tokenizer(): Tokenizer {
    return this.processor.tokenizer;
  }

  /** Most tokens of a text. */
  get maxLength(): number {
    return this.processor.maxLength;
  }

  /** The heads of which the checkpoint holds every parameter. */
  get heads(): readonly Head[] {
    return (this.present ??= this.loaded.heads);
  }

  dispose(): Promise<void> {
    return this.loaded.dispose();
  }

  /** @throws InputError when the checkpoint lacks what the task needs */
  require(task: Task): void {
    const { head, config } = needsOf(task);
    this.requireHead(head);
    checkConfig(config, this.config, task);
  }

  /** @throws InputError when the checkpoint lacks the head */
  requireHead(head: Head): void {
    if (!this.available.has(head)) this.loaded.requireHead(head);
    this.available.add(head);
  }

  /** What the contrastive loss multiplies similarities with: exp(logit_scale), or 1 / temperature within its range. */
  async contrastiveScale(): Promise<number> {
    if (this.config.contrastive_form === "joint") return Math.exp(await this.loaded.scalar("itc", "logit_scale"));
    const [least, most] = temperatureRange;
    return 1 / Math.min(most, Math.max(least, await this.loaded.scalar("itc", "temperature")));
  }

  run(part: Part, feeds: States): Promise<States> {
    return this.loaded.run(part, () => parts[part](this.config), feeds, compileOptions(part, this.options.prepackText));
  }

  /** @param maxLength tokens that a text is cut to; by default as many as the model takes */
  tokenize(texts: readonly string[], maxLength = this.maxLength): Tokens[] {
    const { tokenizer } = this.processor;
    return texts.map((text, index) => ({ index, ids: tokenizer.encode(text, { maxLength }).ids }));
  }

  chunked(texts: readonly string[]): Tokens[][] {
    return chunksOfEqualLength(this.tokenize(texts), this.chunkSize);
  }

  /**
   * Pairs that one run of the fusion computes: enough to spread the cost of a run over small models, few enough that the
   * activations of large ones stay in the cache.
   */
  get chunkSize(): number {
    const { hidden_size, vision_config } = this.config;
    const elements = (vision_config.image_size / vision_config.patch_size) ** 2 * hidden_size;
    return Math.min(64, Math.max(1, Math.round(2 ** 20 / elements)));
  }

  /** Bytes that the text states of one token take: what attends at level 0, its key and value, and the other levels. */
  get stateBytes(): number {
    const { hidden_size, num_hidden_layers } = this.config;
    return (num_hidden_layers + 2) * hidden_size * 4;
  }

  /** The text tower's bridge for texts of one length, with the mask that the fusion needs too. */
  async textStates(chunk: readonly Tokens[]): Promise<States> {
    const feeds = batchOf(chunk);
    return { ...(await this.run("text", feeds)), attention_mask: feeds.attention_mask };
  }

  /** The vision tower's bridge for images, each the image of its text or the second of two. */
  async imageStates(images: readonly ImageInput[], part: "image" | "second image" = "image"): Promise<States> {
    return this.run(part, await this.pixels(images));
  }

  async pixels(images: readonly ImageInput[]): Promise<States> {
    const decoded = await Promise.all(images.map(loadImage));
    const { pixel_values } = await this.processor.process(decoded);
    const [, , height, width] = pixel_values.shape as readonly [number, number, number, number];
    checkImageSize(this.config.vision_config, height, width, false);
    const { onPhotograph } = this.options;
    for (const [i, image] of decoded.entries()) {
      if (onPhotograph !== undefined && looksLikePhotograph(image)) onPhotograph(images[i]!);
    }
    return { pixel_values };
  }
}

/** Only the text tower is short enough to gain from packed weights. */
const compileOptions = (part: Part, prepackText: boolean) => ({
  prepack: prepackText && (part === "text" || part === "embed text"),
});
