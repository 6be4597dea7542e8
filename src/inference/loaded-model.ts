/**
 * A checkpoint that is open: its config, its weights by reference, its processor, and a bounded cache of compiled sub-graphs.
 * Towers run once for each image and text, the fusion for each pair.
 */
import { fileURLToPath } from "node:url";
import { hubOptions, readTensor, resolveModel, type HubOptions } from "../checkpoint/index.js";
import { callbackType, oneOf, wholeNumber, type OptionTypes } from "../arguments.js";
import { InputError } from "../errors.js";
import { parametersOf, toFloat32, type HostTensor, type Parameter } from "../graph/index.js";
import { checkImageSize, clampTemperature, type BridgeTowerConfig, type Head } from "../model/index.js";
import { looksLikePhotograph, type ImageInput, type Tokenizer } from "../processing/index.js";
import { devices, GraphCache, Runtime, type CompiledGraph, type Device, type WeightLookup } from "../runtime/index.js";
import { abortable } from "../threads/index.js";
import { BridgeTowerProcessor } from "./bridgetower-processor.js";
import { checkPoolers, isFinite, nonFiniteOutput } from "./finite-weights.js";
import { reportNotes } from "../conversion/index.js";
import { openModelFolder, type ModelFolder } from "./open-model.js";
import { checkConfig, needsOf, needsOfHead, parts, type Part, type Task } from "./parts.js";
import type { Outputs } from "./sub-graphs.js";
import { batchOf, type CutTokens, type Tokens } from "./text-chunks.js";
import { bindWeights, headsIn } from "./weights.js";

/** The checkpoint in this package, which is used if none is named. */
export const defaultModel: string = fileURLToPath(new URL("../../models/emoji", import.meta.url));

export interface LoadOptions extends HubOptions {
  /** Default `cpu`. */
  readonly device?: Device;
  /** Threads of one operator; the number of cores by default. */
  readonly threads?: number;
  /** Called with a message: names in the checkpoint that no BridgeTower has, texts that were cut to the model's limit. */
  readonly onWarning?: (message: string) => void;
}

export interface OpenOptions extends LoadOptions {
  /** Heads that must be in the checkpoint. */
  readonly heads?: readonly Head[];
  /** Tasks whose sub-graphs are compiled immediately. The checkpoint must have their heads. */
  readonly prepare?: readonly Task[];
  /** Whether the processor of the folder is loaded too, which all methods that take images or texts need. Default false. */
  readonly withProcessor?: boolean;
  /** Keep packed copies of the text tower's weights. Default false. */
  readonly prepackText?: boolean;
  /** Called with each image that looks like a photograph, each time that it is decoded. */
  readonly onPhotograph?: ((image: ImageInput) => void) | undefined;
}

/** The types of `LoadOptions`. */
export const loadOptions: OptionTypes<LoadOptions> = {
  ...hubOptions,
  device: oneOf(devices),
  threads: wholeNumber(1),
  onWarning: callbackType,
};

/** Tensors by name: inputs of a sub-graph, or its outputs, which may be inputs of the next. */
export type States = Readonly<Record<string, HostTensor>>;

/** A graph that is built and compiled at its first use, by its key in the cache. */
export interface GraphSource {
  readonly key: string;
  readonly build: () => Outputs;
  readonly prepack?: boolean;
}

export interface RunOptions {
  /** Rejects the call with `signal.reason` as soon as it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

export interface TextOptions extends RunOptions {
  /**
   * `"error"` refuses texts of more tokens than the model takes. `"cut"` drops the tokens beyond the limit and calls `onWarning` of the
   * model, once for each call. Default `"cut"`.
   */
  readonly truncation?: "cut" | "error" | undefined;
}

export interface ImageOptions extends RunOptions {
  /**
   * Called with the error and the index of each image that cannot be decoded, whose results are left out. By default, or if it throws, the
   * call is rejected.
   */
  readonly onBrokenImage?: ((error: InputError, index: number) => void) | undefined;
}

/** A compiled graph with the parameters that it reads. */
interface SubGraph {
  readonly compiled: CompiledGraph;
  readonly parameters: readonly Parameter[];
  readonly dispose: () => Promise<void>;
}

/** All sub-graphs of the tasks fit; graphs for other image sizes replace those that were used least recently. */
const maxGraphs = 16;

export class LoadedModel {
  private readonly graphs = new GraphCache<SubGraph>(maxGraphs);
  /** Heads that are known to be in the checkpoint. */
  private readonly available: Set<Head>;
  private present: readonly Head[] | undefined;
  private loadedProcessor: BridgeTowerProcessor | undefined;

  private constructor(
    readonly folder: string,
    private readonly files: ModelFolder,
    private readonly weights: WeightLookup,
    private readonly runtime: Runtime,
    private readonly options: OpenOptions,
    heads: readonly Head[],
  ) {
    this.available = new Set(heads);
  }

  /**
   * Opens a checkpoint and checks it against its config; reads no weights.
   * @param idOrFolder a folder in Hugging Face layout or a hub id
   * @throws InputError naming what is missing, misshapen or broken
   */
  static async open(idOrFolder: string, options: OpenOptions = {}): Promise<LoadedModel> {
    const needs = (options.prepare ?? []).map((task) => ({ task, ...needsOf(task) }));
    const heads = [...new Set([...(options.heads ?? []), ...needs.map(({ head }) => head)])];
    // The session worker starts while the files are read.
    const runtime = new Runtime();
    try {
      const folder = await resolveModel(idOrFolder, options);
      const files = await abortable(openModelFolder(folder), options.signal);
      const { config, checkpoint } = files;
      reportNotes(checkpoint, options.onWarning);
      const { surplus, lookup } = bindWeights(checkpoint, config, heads);
      if (surplus.length > 0) {
        options.onWarning?.(`${checkpoint.source}: ignored ${surplus.length} unknown names, such as ${surplus[0]!}`);
      }
      for (const need of needs) checkConfig(need.config, config, need.task);
      const model = new LoadedModel(folder, files, lookup, runtime, options, heads);
      for (const part of new Set(needs.flatMap((need) => need.parts))) model.prepare(part);
      if (options.withProcessor) {
        model.loadedProcessor = await abortable(BridgeTowerProcessor.fromFolder(folder, config), options.signal);
      }
      return model;
    } catch (error) {
      await runtime.dispose();
      throw error;
    }
  }

  get config(): BridgeTowerConfig {
    return this.files.config;
  }

  /** `config.json` as it is in the file. */
  get configJson(): ModelFolder["configJson"] {
    return this.files.configJson;
  }

  get processor(): BridgeTowerProcessor {
    if (this.loadedProcessor === undefined) throw new Error("the model was opened without its processor");
    return this.loadedProcessor;
  }

  get tokenizer(): Tokenizer {
    return this.processor.tokenizer;
  }

  /** Maximum number of tokens of a text. */
  get maxLength(): number {
    return this.processor.maxLength;
  }

  /** The heads with all parameters in the checkpoint. */
  get heads(): readonly Head[] {
    return (this.present ??= headsIn(this.files.checkpoint, this.config));
  }

  /** Frees all compiled graphs and ends the session worker. */
  dispose(): Promise<void> {
    return this.runtime.dispose();
  }

  /** @throws InputError if the checkpoint lacks a head or setting of the task */
  requireTask(task: Task): void {
    const { head, config } = needsOf(task);
    this.requireHead(head, task);
    checkConfig(config, this.config, task);
  }

  /**
   * @param where what needs the head, for the error
   * @throws InputError naming the parameters of the head that the checkpoint lacks, or what its config lacks
   */
  requireHead(head: Head, where: string = head): void {
    if (!this.available.has(head)) bindWeights(this.files.checkpoint, this.config, [head]);
    this.available.add(head);
    for (const need of needsOfHead(head)) checkConfig(need, this.config, where);
  }

  /** Whether `requireHead` accepts the head. */
  canRun(head: Head): boolean {
    return this.heads.includes(head) && needsOfHead(head).every((need) => need.holds(this.config));
  }

  /** The factor of similarities in the contrastive loss: exp(logit_scale), or 1 / temperature within its range. */
  async contrastiveScale(): Promise<number> {
    if (this.config.contrastive_form === "joint") return Math.exp(await this.scalar("logit_scale"));
    return 1 / clampTemperature(await this.scalar("temperature"));
  }

  /** Starts to build and compile a sub-graph that is not in the cache. An error is thrown when the sub-graph is run. */
  prepare(part: Part): void {
    const source = this.sourceOf(part);
    const acquired = this.graphs.acquire(source.key, () => this.compile(source));
    acquired.then(({ release }) => release()).catch(() => undefined);
  }

  /**
   * Runs a sub-graph once. It is built and compiled if it is not in the cache.
   * @throws InputError when an input does not fit, a token id is beyond the vocabulary, or an output is not finite
   */
  async run(graph: Part | GraphSource, feeds: States, { signal }: RunOptions = {}): Promise<States> {
    if (feeds.input_ids !== undefined) checkTokenIds(feeds.input_ids, this.config);
    const source = typeof graph === "string" ? this.sourceOf(graph) : graph;
    const { graph: subGraph, release } = await this.graphs.acquire(source.key, () => this.compile(source), signal);
    // An aborted run continues in the session worker: its graph must not be freed before it has ended.
    const results = await abortable(subGraph.compiled.run(feeds).finally(release), signal);
    for (const [name, tensor] of Object.entries(results)) {
      if (!isFinite(tensor)) throw await nonFiniteOutput(name, subGraph.parameters, this.weights, this.folder);
    }
    return results;
  }

  /**
   * Token ids of texts, cut to as many as the model takes.
   * @throws InputError for a text that is too long, if `truncation` is `"error"`
   */
  tokenize(texts: readonly string[], { truncation = "cut" }: TextOptions = {}): CutTokens[] {
    const { tokenizer, maxLength } = this;
    const encoded = texts.map((text, index) => ({ index, ...tokenizer.encode(text, { maxLength }) }));
    const cut = encoded.filter(({ overflowing }) => overflowing.length > 0);
    const [first] = cut;
    if (first !== undefined && truncation === "error") {
      throw new InputError({
        code: "text-too-long",
        where: `text ${first.index}`,
        expected: `at most ${maxLength} tokens`,
        found: String(first.ids.length + first.overflowing.length),
        hint: 'Shorten it, or set truncation to "cut"',
      });
    }
    if (cut.length > 0) {
      const which = texts.length === 1 ? "the text was" : `${cut.length} of ${texts.length} texts were`;
      this.options.onWarning?.(`${which} cut to ${maxLength} tokens, the limit of the model`);
    }
    return encoded;
  }

  /** The text tower's states for texts of one length, with the mask that the fusion needs too. */
  async textStates(chunk: readonly Tokens[], options: RunOptions = {}): Promise<States> {
    const feeds = batchOf(chunk);
    return { ...(await this.run("text", feeds, options)), attention_mask: feeds.attention_mask };
  }

  /** The vision tower's states for images, each the image of its text or the second of two. */
  async imageStates(
    images: readonly ImageInput[],
    part: "image" | "second image" = "image",
    options: RunOptions = {},
  ): Promise<States> {
    return this.run(part, await this.pixels(images, options), options);
  }

  /**
   * `pixel_values` float32 [images, 3, height, width] of the model's own image size. With `onBrokenImage`, only images that can be decoded
   * have a row, and there may be none.
   */
  async pixels(
    images: readonly ImageInput[],
    { signal, onBrokenImage }: ImageOptions = {},
  ): Promise<{ readonly pixel_values: HostTensor<"float32"> }> {
    const { onPhotograph } = this.options;
    const photographs: boolean[] = [];
    const batch = this.processor.croppingImageProcessor.preprocess(images, {
      onDecoded: async (image, index) => {
        signal?.throwIfAborted();
        if (onPhotograph !== undefined) photographs[index] = await looksLikePhotograph(image);
      },
      onBrokenImage,
    });
    const { pixel_values } = await abortable(batch, signal);
    // In the order of the images, which may have been decoded in another.
    for (const [i, isPhotograph] of photographs.entries()) if (isPhotograph) onPhotograph?.(images[i]!);
    const [rows, , height, width] = pixel_values.shape as readonly [number, number, number, number];
    if (rows > 0) checkImageSize(this.config.vision_config, height, width, false);
    return { pixel_values };
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

  /** Bytes of the text states of one token: the input of the first level, its key and value, and the inputs of the others. */
  get stateBytes(): number {
    const { hidden_size, num_hidden_layers } = this.config;
    return (num_hidden_layers + 2) * hidden_size * 4;
  }

  private sourceOf(part: Part): GraphSource {
    // Only the text tower is short enough to gain from packed weights.
    const prepack = this.options.prepackText === true && (part === "text" || part.startsWith("text "));
    return { key: part, build: () => parts[part](this.config), prepack };
  }

  private async compile({ build, prepack }: GraphSource): Promise<SubGraph> {
    const outputs = build();
    const parameters = parametersOf(outputs);
    const { device, threads } = this.options;
    const [compiled] = await Promise.all([
      this.runtime.compile(outputs, this.weights, { prepack, device, threads }),
      checkPoolers(parameters, this.weights, this.folder),
    ]);
    return { compiled, parameters, dispose: () => compiled.dispose() };
  }

  /** The value of a parameter without axes, which the checkpoint has. */
  private async scalar(name: string): Promise<number> {
    const parameter: Parameter = { kind: "parameter", name, dtype: "float32", shape: [] };
    return toFloat32(await readTensor(this.weights(parameter)))[0]!;
  }
}

/**
 * Loads each entry of a list, in order, and yields its index and the result. The next one is loaded while the caller works on the current
 * one; the first starts immediately. A failed load throws when its turn comes.
 */
export function prefetch<T, U>(
  list: readonly T[],
  load: (entry: T, index: number) => Promise<U>,
): AsyncIterable<readonly [number, U]> {
  let next = list.length > 0 ? load(list[0]!, 0) : undefined;
  // Awaited when its turn comes; until then its error is not unhandled.
  next?.catch(() => undefined);
  return (async function* () {
    for (let index = 0; next !== undefined; index++) {
      const loaded = await next;
      next = index + 1 < list.length ? load(list[index + 1]!, index + 1) : undefined;
      next?.catch(() => undefined);
      yield [index, loaded] as const;
    }
  })();
}

function checkTokenIds({ data }: HostTensor, { text_config: { vocab_size } }: BridgeTowerConfig): void {
  for (const id of data) {
    if (id >= 0 && id < vocab_size) continue;
    throw new InputError({
      code: "invalid-tensor",
      where: "input_ids",
      expected: `token ids from 0 to ${vocab_size - 1} (vocab_size ${vocab_size} in config.json)`,
      found: String(id),
      hint: "Use the tokenizer that was published with these weights",
    });
  }
}
