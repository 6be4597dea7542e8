/**
 * What a user calls: match, fillMask, embedText, embedImage, embedPair. Each picture and each text goes through its tower
 * once; texts of equal length are computed together, so that no padding is ever computed and results do not depend on it.
 */
import { InputError } from "../errors.js";
import type { HostTensor } from "../graph/index.js";
import {
  checkPictureSize,
  fusionPart,
  imagePart,
  nativePicture,
  textPart,
  type BridgeTowerConfig,
  type Head,
  type Outputs,
} from "../model/index.js";
import { decoded, type FilledMask } from "./fill-mask.js";
import { defaultModel, loadModel, type LoadedModel, type LoadOptions } from "./loaded-model.js";
import { asList, BridgeTowerProcessor, loadPicture, type ImageInput } from "./processor.js";
import { ahead } from "./ahead.js";
import { batchOf, chunksOfEqualLength, residentGroups, type Tokens } from "./text-chunks.js";

/** The graphs that the tasks run. */
const parts = {
  text: (config) => textPart(config).bridge,
  image: (config) => imagePart(config, nativePicture(config)).bridge,
  "fusion itm": (config) => fusionPart(config, nativePicture(config), 1, "first").itm(),
  "fusion mlm": (config) => fusionPart(config, nativePicture(config), 1, "all").mlm(),
  "fusion itc": (config) => fusionPart(config, nativePicture(config), "batch", "first").itc(),
  "embed text": (config) => textPart(config).embeds(),
  "embed image": (config) => imagePart(config, nativePicture(config)).embeds(),
} satisfies Record<string, (config: BridgeTowerConfig) => Outputs>;

type Part = keyof typeof parts;

/** The head that each task needs, and the graphs it runs in their order. */
const tasks = {
  match: { head: "itm", parts: ["text", "image", "fusion itm"] },
  fillMask: { head: "mlm", parts: ["text", "image", "fusion mlm"] },
  embedText: { head: "itc", parts: ["embed text"] },
  embedImage: { head: "itc", parts: ["embed image"] },
  embedPair: { head: "itc", parts: ["text", "image", "fusion itc"] },
} satisfies Record<string, { readonly head: Head; readonly parts: readonly Part[] }>;

export type Task = keyof typeof tasks;

/** Outputs of one part of the model, which are inputs of the next. */
type States = Readonly<Record<string, HostTensor>>;

export interface BridgeTowerOptions extends LoadOptions {
  /**
   * Tasks to be ready for: their graphs are compiled while the tokenizer loads, and a missing head is an error at once.
   * By default each graph is compiled at its first use.
   */
  readonly prepare?: readonly Task[];
  /**
   * Keep packed copies of the text tower's weights: a quarter less time for each text, for as much private memory as the
   * tower is large and a second at the first text. Default false.
   */
  readonly prepackText?: boolean;
}

export interface MatchScore {
  /** Index of the picture. */
  readonly image: number;
  /** Index of the text. */
  readonly text: number;
  /** No match, match. */
  readonly logits: readonly [number, number];
  /** Softmax of the match class, 0..1. */
  readonly probability: number;
}

/** One embedding for one input, a list for a list. */
export type EmbeddingsOf<Input> = Input extends readonly unknown[] ? Float32Array[] : Float32Array;

export interface Progress {
  /** Told after each step how many of the answers are there. */
  readonly onProgress?: (done: number, total: number) => void;
}

export class BridgeTower {
  private constructor(
    private readonly loaded: LoadedModel,
    /** Heads that are known to be in the checkpoint. */
    private readonly available: Set<Head>,
    private readonly prepackText: boolean,
    private readonly processor: BridgeTowerProcessor,
  ) {}

  /**
   * Opens a checkpoint with its tokenizer and picture settings.
   * @param idOrFolder a folder in Hugging Face layout or a hub id; the packaged model by default
   * @throws InputError for anything missing or broken
   */
  static async fromPretrained(
    idOrFolder = defaultModel,
    { prepare = [], prepackText = false, ...options }: BridgeTowerOptions = {},
  ): Promise<BridgeTower> {
    const heads = new Set<Head>(prepare.map((task) => tasks[task].head));
    const loaded = await loadModel(idOrFolder, [...heads], options);
    try {
      for (const part of new Set(prepare.flatMap((task) => tasks[task].parts))) {
        loaded.prepare(part, () => parts[part](loaded.config), compileOptions(part, prepackText));
      }
      return new BridgeTower(loaded, heads, prepackText, await BridgeTowerProcessor.fromFolder(loaded.folder));
    } catch (error) {
      await loaded.dispose();
      throw error;
    }
  }

  get config(): BridgeTowerConfig {
    return this.loaded.config;
  }

  /** Frees the compiled graphs. */
  dispose(): Promise<void> {
    return this.loaded.dispose();
  }

  /**
   * Scores every picture with every text by image-text matching.
   * @returns images × texts scores, images outer
   */
  async match(
    images: ImageInput | readonly ImageInput[],
    texts: string | readonly string[],
    { onProgress }: Progress = {},
  ): Promise<MatchScore[]> {
    const [pictureList, textList] = [asList(images), asList(texts)];
    this.requireHead(tasks.match.head);
    const scores = new Array<MatchScore>(pictureList.length * textList.length);
    let done = 0;
    for (const resident of residentGroups(this.chunked(textList), stateBytes(this.config))) {
      // The next picture is decoded while the model runs on this one.
      const pictures = ahead(pictureList, (image) => this.pixels([image]));
      const groups: { readonly chunk: readonly Tokens[]; readonly states: States }[] = [];
      for (const chunk of resident) groups.push({ chunk, states: await this.textStates(chunk) });
      for await (const [image, pixels] of pictures) {
        const imageStates = await this.run("image", pixels);
        for (const { chunk, states } of groups) {
          const { logits } = await this.run("fusion itm", { ...imageStates, ...states });
          for (const [row, { index }] of chunk.entries()) {
            const pair = [logits!.at(row, 0), logits!.at(row, 1)] as const;
            const probability = 1 / (1 + Math.exp(pair[0] - pair[1]));
            scores[image * textList.length + index] = { image, text: index, logits: pair, probability };
          }
          onProgress?.((done += chunk.length), scores.length);
        }
      }
    }
    return scores;
  }

  /**
   * Fills each `<mask>` of a text about a picture.
   * @param options topK: candidates for each mask, best first (default 5)
   * @throws InputError when the text has no `<mask>`, or one too far back for the model
   */
  async fillMask(image: ImageInput, text: string, { topK = 5 } = {}): Promise<FilledMask> {
    this.requireHead(tasks.fillMask.head);
    const [tokens] = this.tokenize([text]);
    const { tokenizer } = this.processor;
    const masks = (ids: readonly number[]) => ids.filter((id) => id === tokenizer.maskTokenId).length;
    const wanted = masks(tokenizer.encode(text).ids);
    if (wanted === 0 || masks(tokens!.ids) < wanted) {
      throw new InputError({
        where: "text",
        expected:
          wanted === 0 ? "a <mask> to fill" : `every <mask> within the first ${this.processor.maxLength} tokens`,
        found: wanted === 0 ? "none" : "one behind them",
        mend: wanted === 0 ? "Write <mask> where a word is missing" : "Shorten the text",
      });
    }
    const states = { ...(await this.textStates([tokens!])), ...(await this.imageStates([image])) };
    const { mlm_logits } = await this.run("fusion mlm", states);
    return decoded(mlm_logits!.row(0), tokens!.ids, tokenizer, topK);
  }

  /** Unit-length embeddings of texts; computes the text tower only. -> a Float32Array [contrastive_hidden_size] each */
  async embedText<T extends string | readonly string[]>(texts: T, options: Progress = {}): Promise<EmbeddingsOf<T>> {
    this.requireHead(tasks.embedText.head);
    return inFormOf(texts, await this.embedTexts(asList<string>(texts), options));
  }

  /** Unit-length embeddings of pictures; computes the vision tower only. -> a Float32Array [contrastive_hidden_size] each */
  async embedImage<T extends ImageInput | readonly ImageInput[]>(
    images: T,
    options: Progress = {},
  ): Promise<EmbeddingsOf<T>> {
    this.requireHead(tasks.embedImage.head);
    return inFormOf(images, await this.embedImages(asList<ImageInput>(images), options));
  }

  /**
   * Unit-length joint embeddings of the i-th picture with the i-th text. -> a Float32Array [contrastive_hidden_size] each
   * @throws InputError when there are not as many pictures as texts
   */
  async embedPair<T extends ImageInput | readonly ImageInput[]>(
    images: T,
    texts: T extends readonly ImageInput[] ? readonly string[] : string,
    options: Progress = {},
  ): Promise<EmbeddingsOf<T>> {
    this.requireHead(tasks.embedPair.head);
    return inFormOf(images, await this.embedPairs(asList<ImageInput>(images), asList<string>(texts), options));
  }

  private async embedTexts(texts: readonly string[], { onProgress }: Progress): Promise<Float32Array[]> {
    const embeddings = new Array<Float32Array>(texts.length);
    let done = 0;
    for (const chunk of this.chunked(texts)) {
      const { text_embeds } = await this.run("embed text", batchOf(chunk));
      for (const [row, { index }] of chunk.entries()) embeddings[index] = vector(text_embeds!, row);
      onProgress?.((done += chunk.length), texts.length);
    }
    return embeddings;
  }

  private async embedImages(images: readonly ImageInput[], { onProgress }: Progress): Promise<Float32Array[]> {
    const embeddings: Float32Array[] = [];
    const runs = Array.from({ length: Math.ceil(images.length / this.chunkSize) }, (_, i) =>
      images.slice(i * this.chunkSize, (i + 1) * this.chunkSize),
    );
    for await (const [, pixels] of ahead(runs, (run) => this.pixels(run))) {
      const { image_embeds } = await this.run("embed image", pixels);
      for (let row = 0; row < image_embeds!.shape[0]!; row++) embeddings.push(vector(image_embeds!, row));
      onProgress?.(embeddings.length, images.length);
    }
    return embeddings;
  }

  private async embedPairs(
    images: readonly ImageInput[],
    texts: readonly string[],
    { onProgress }: Progress,
  ): Promise<Float32Array[]> {
    if (images.length !== texts.length) {
      throw new InputError({
        where: "embedPair",
        expected: "as many pictures as texts: the i-th goes with the i-th",
        found: `${images.length} pictures and ${texts.length} texts`,
      });
    }
    const embeddings = new Array<Float32Array>(texts.length);
    let done = 0;
    for (const chunk of this.chunked(texts)) {
      const imageStates = await this.imageStates(chunk.map(({ index }) => images[index]!));
      const { cross_embeds } = await this.run("fusion itc", { ...imageStates, ...(await this.textStates(chunk)) });
      for (const [row, { index }] of chunk.entries()) embeddings[index] = vector(cross_embeds!, row);
      onProgress?.((done += chunk.length), texts.length);
    }
    return embeddings;
  }

  private requireHead(head: Head): void {
    if (this.available.has(head)) return;
    this.loaded.requireHead(head);
    this.available.add(head);
  }

  private tokenize(texts: readonly string[]): Tokens[] {
    const { tokenizer, maxLength } = this.processor;
    return texts.map((text, index) => ({ index, ids: tokenizer.encode(text, { maxLength }).ids }));
  }

  private chunked(texts: readonly string[]): Tokens[][] {
    return chunksOfEqualLength(this.tokenize(texts), this.chunkSize);
  }

  /**
   * Pairs that one run of the fusion computes: enough to spread the cost of a run over small models, few enough that the
   * activations of large ones stay in the cache.
   */
  private get chunkSize(): number {
    const { hidden_size, vision_config } = this.config;
    const elements = (vision_config.image_size / vision_config.patch_size) ** 2 * hidden_size;
    return Math.min(64, Math.max(1, Math.round(2 ** 20 / elements)));
  }

  private run(part: Part, feeds: States): Promise<States> {
    return this.loaded.run(part, () => parts[part](this.config), feeds, compileOptions(part, this.prepackText));
  }

  /** The text tower's bridge for texts of one length, with the mask that the fusion needs too. */
  private async textStates(chunk: readonly Tokens[]): Promise<States> {
    const feeds = batchOf(chunk);
    return { ...(await this.run("text", feeds)), attention_mask: feeds.attention_mask };
  }

  private async imageStates(images: readonly ImageInput[]): Promise<States> {
    return this.run("image", await this.pixels(images));
  }

  private async pixels(images: readonly ImageInput[]): Promise<States> {
    const pictures = await Promise.all(images.map(loadPicture));
    const { pixel_values } = await this.processor.process(pictures);
    const [, , height, width] = pixel_values.shape as readonly [number, number, number, number];
    checkPictureSize(this.config.vision_config, height, width, false);
    return { pixel_values };
  }
}

/** Only the text tower is short enough to gain from packed weights. */
const compileOptions = (part: Part, prepackText: boolean) => ({
  prepack: prepackText && (part === "text" || part === "embed text"),
});

/** The list itself for a list, its only entry for a single input. */
const inFormOf = <T>(input: T, embeddings: Float32Array[]): EmbeddingsOf<T> =>
  // The condition is that of the type; TypeScript does not follow it.
  (Array.isArray(input) ? embeddings : embeddings[0]!) as EmbeddingsOf<T>;

/** A copy of one row, so that it does not keep its whole batch in memory. */
const vector = (embeds: HostTensor, row: number): Float32Array =>
  Float32Array.from(embeds.row(row).data as Float32Array);

/** Bytes that the text states of one token take: what attends at level 0, its key and value, and the other levels. */
const stateBytes = ({ hidden_size, num_hidden_layers }: BridgeTowerConfig): number =>
  (num_hidden_layers + 2) * hidden_size * 4;
