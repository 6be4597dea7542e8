/** The model classes under the names, inputs and outputs that they have in transformers. */
import { booleanType, checkFactory, checkOptions, signalType, type OptionTypes } from "../arguments.js";
import { concat, HostTensor, input, reshape, type Tensor } from "../graph/index.js";
import { jointContrastiveLoss, jointForm, type BridgeTowerConfig, type Head } from "../model/index.js";
import { pairGraph, type Outputs, type PairGraph } from "./sub-graphs.js";
import { crossEntropy, ignoredLabel } from "../nn/index.js";
import { LoadedModel, loadOptions, type LoadOptions, type RunOptions, type States } from "./loaded-model.js";
import { checkConfig } from "./parts.js";
import { checkInputs, checkLabels, checkTensors, type ModelInputs } from "./model-inputs.js";

export interface ForwardOptions extends RunOptions {
  /** Give `hidden_states` too. Default false. */
  readonly outputHiddenStates?: boolean;
  /** Give `attentions` too. Default false. */
  readonly outputAttentions?: boolean;
  /** Take images of any size by resizing the position table. Default false: the size must be the config's. */
  readonly interpolatePosEncoding?: boolean;
}

/** All batch first; transformers gives the vision tower's states sequence first. */
export interface HiddenStates {
  /** Embeddings, then each layer [batch, text, hidden]. */
  readonly text: readonly HostTensor[];
  /** Embeddings, then each block, before `ln_post` [batch, image, visionHidden]. */
  readonly image: readonly HostTensor[];
  /** Each cross-modal level [batch, text, hidden] and [batch, image, hidden]. */
  readonly cross: readonly { readonly text: HostTensor; readonly image: HostTensor }[];
}

/** Self-attention probabilities of each cross-modal level [batch, heads, tokens, tokens]. */
export type Attentions = readonly { readonly text: HostTensor; readonly image: HostTensor }[];

/** What `ForwardOptions` ask for. */
export interface Intermediates {
  readonly hidden_states?: HiddenStates;
  readonly attentions?: Attentions;
}

/**
 * The base of the model classes.
 * @example
 * await using model = await BridgeTowerModel.fromPretrained("models/emoji");
 * console.log(model.config.hidden_size); // 192
 */
export abstract class PretrainedModel implements AsyncDisposable {
  protected constructor(protected readonly loaded: LoadedModel) {
    checkFactory(new.target.name, loaded instanceof LoadedModel);
  }

  get config(): BridgeTowerConfig {
    return this.loaded.config;
  }

  /** Frees the compiled graphs and ends the session worker. Pending calls are rejected. */
  dispose(): Promise<void> {
    return this.loaded.dispose();
  }

  /** `dispose`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** Opens a checkpoint that has the heads of a class. */
function open(idOrFolder: string, options: LoadOptions, heads: readonly Head[]): Promise<LoadedModel> {
  checkOptions("fromPretrained", options, loadOptions);
  return LoadedModel.open(idOrFolder, { ...options, heads });
}

interface Inference {
  /** Names the wanted outputs in the cache of compiled graphs. */
  readonly key: string;
  readonly wanted: (model: PairGraph) => Outputs;
  readonly inputs: ModelInputs;
  readonly options: ForwardOptions;
  /** `"first"` if only pooled outputs are wanted of the last level. */
  readonly lastQueries: "all" | "first";
}

const forwardOptions: OptionTypes<ForwardOptions & { readonly returnLoss?: boolean }> = {
  signal: signalType,
  outputHiddenStates: booleanType,
  outputAttentions: booleanType,
  interpolatePosEncoding: booleanType,
  // Of BridgeTowerForContrastiveLearning.
  returnLoss: booleanType,
};

/** @throws InputError for options or inputs of other types */
function checkCall(inputs: ModelInputs, options: ForwardOptions): void {
  checkTensors(inputs);
  checkOptions("forward", options, forwardOptions);
}

/** Runs the whole model for the wanted outputs and the intermediates that the options ask for. */
async function infer(
  loaded: LoadedModel,
  { key, wanted, inputs, options, lastQueries }: Inference,
): Promise<{ readonly results: States; readonly intermediates: Intermediates }> {
  const { outputHiddenStates: states = false, outputAttentions: attentions = false } = options;
  const image = checkInputs(loaded.config, inputs, options.interpolatePosEncoding ?? false);
  const queries = states || attentions ? "all" : lastQueries;
  const size = image === "embeds" ? image : `${image.height}x${image.width}`;
  const build = () => {
    const model = pairGraph(loaded.config, { image, lastQueries: queries });
    return {
      ...wanted(model),
      ...(states ? stateOutputs(model) : {}),
      ...(attentions ? attentionOutputs(model) : {}),
    };
  };
  const { input_ids } = inputs;
  const ones = () => new HostTensor("int64", input_ids.shape, new BigInt64Array(input_ids.data.length).fill(1n));
  const graph = { key: [key, size, queries, states, attentions].join(" "), build };
  const feeds = { ...definedFeeds(inputs), attention_mask: inputs.attention_mask ?? ones() };
  const results = await loaded.run(graph, feeds, options);
  const intermediates = {
    ...(states ? { hidden_states: hiddenStates(results) } : {}),
    ...(attentions ? { attentions: pairs(results, "attentions.text", "attentions.image") } : {}),
  };
  return { results, intermediates };
}

function definedFeeds(inputs: ModelInputs): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(inputs).filter((entry): entry is [string, HostTensor] => entry[1] instanceof HostTensor),
  );
}

const numbered = (prefix: string, tensors: readonly (Tensor | undefined)[]): Outputs =>
  Object.fromEntries(tensors.flatMap((tensor, i) => (tensor === undefined ? [] : [[`${prefix}.${i}`, tensor]])));

const stateOutputs = ({ text, image, levels }: PairGraph): Outputs => ({
  ...numbered("hidden_states.text", text.states),
  ...numbered("hidden_states.image", image.states),
  ...numbered(
    "hidden_states.cross_text",
    levels.map(({ text }) => text),
  ),
  ...numbered(
    "hidden_states.cross_image",
    levels.map(({ image }) => image),
  ),
});

const attentionOutputs = ({ levels }: PairGraph): Outputs => ({
  ...numbered(
    "attentions.text",
    levels.map(({ textProbabilities }) => textProbabilities),
  ),
  ...numbered(
    "attentions.image",
    levels.map(({ imageProbabilities }) => imageProbabilities),
  ),
});

/** The results called `prefix.0`, `prefix.1`, … */
function series(results: Readonly<Record<string, HostTensor>>, prefix: string): HostTensor[] {
  const list: HostTensor[] = [];
  for (let next = results[`${prefix}.0`]; next !== undefined; next = results[`${prefix}.${list.length}`])
    list.push(next);
  return list;
}

function pairs(results: Readonly<Record<string, HostTensor>>, text: string, image: string): Attentions {
  const images = series(results, image);
  return series(results, text).map((tensor, i) => ({ text: tensor, image: images[i]! }));
}

const hiddenStates = (results: Readonly<Record<string, HostTensor>>): HiddenStates => ({
  text: series(results, "hidden_states.text"),
  image: series(results, "hidden_states.image"),
  cross: pairs(results, "hidden_states.cross_text", "hidden_states.cross_image"),
});

export interface BridgeTowerModelOutput extends Intermediates {
  /** Text tokens after the last cross-modal level, float32 [batch, text, hidden]. */
  readonly text_features: HostTensor;
  /** Image tokens after the last cross-modal level, float32 [batch, image, hidden]. */
  readonly image_features: HostTensor;
  /** tanh poolers of both first tokens, text then image, float32 [batch, 2 hidden]. */
  readonly pooler_output: HostTensor;
}

/**
 * The encoder without a head. transformers 5.23 `BridgeTowerModel`.
 * @example
 * const processor = await BridgeTowerProcessor.fromPretrained("models/emoji");
 * const inputs = await processor.process("examples/images/010.png", "a bowling ball");
 * const model = await BridgeTowerModel.fromPretrained("models/emoji");
 * const { pooler_output } = await model.forward(inputs);
 * console.log(pooler_output.shape); // [ 1, 384 ]
 * await model.dispose();
 */
export class BridgeTowerModel extends PretrainedModel {
  private constructor(loaded: LoadedModel) {
    super(loaded);
  }

  static async fromPretrained(idOrFolder: string, options: LoadOptions = {}): Promise<BridgeTowerModel> {
    return new BridgeTowerModel(await open(idOrFolder, options, []));
  }

  async forward(inputs: ModelInputs, options: ForwardOptions = {}): Promise<BridgeTowerModelOutput> {
    checkCall(inputs, options);
    const wanted = ({ levels, pooler_output }: PairGraph) => ({
      text_features: levels.at(-1)!.text,
      image_features: levels.at(-1)!.image,
      pooler_output,
    });
    const { results, intermediates } = await infer(this.loaded, {
      key: "model",
      wanted,
      inputs,
      options,
      lastQueries: "all",
    });
    const { text_features, image_features, pooler_output } = results;
    return {
      text_features: text_features!,
      image_features: image_features!,
      pooler_output: pooler_output!,
      ...intermediates,
    };
  }
}

export interface HeadOutput extends Intermediates {
  readonly logits: HostTensor;
  /** Mean cross-entropy, if labels were given. */
  readonly loss?: number;
}

const withLoss = (results: Readonly<Record<string, HostTensor>>) =>
  results.loss === undefined ? {} : { loss: results.loss.at() };

/**
 * Image-text matching: `logits` [batch, 2], class 1 is a match. transformers 5.23 `BridgeTowerForImageAndTextRetrieval`.
 * @example
 * const processor = await BridgeTowerProcessor.fromPretrained("models/emoji");
 * const inputs = await processor.process("examples/images/010.png", "a bowling ball");
 * const model = await BridgeTowerForImageAndTextRetrieval.fromPretrained("models/emoji");
 * const { logits } = await model.forward(inputs);
 * console.log(logits.at(0, 1) > logits.at(0, 0)); // true
 * await model.dispose();
 */
export class BridgeTowerForImageAndTextRetrieval extends PretrainedModel {
  private constructor(loaded: LoadedModel) {
    super(loaded);
  }

  static async fromPretrained(
    idOrFolder: string,
    options: LoadOptions = {},
  ): Promise<BridgeTowerForImageAndTextRetrieval> {
    return new BridgeTowerForImageAndTextRetrieval(await open(idOrFolder, options, ["itm"]));
  }

  async forward(inputs: ModelInputs, options: ForwardOptions = {}): Promise<HeadOutput> {
    checkCall(inputs, options);
    const { labels } = inputs;
    if (labels !== undefined) checkLabels(labels, inputs.input_ids.shape.slice(0, 1), 2, []);
    const wanted = (model: PairGraph): Outputs => {
      const logits = model.heads("itm").logits!;
      return labels === undefined
        ? { logits }
        : { logits, loss: crossEntropy(logits, input("labels", "int64", ["batch"])) };
    };
    const { results, intermediates } = await infer(this.loaded, {
      key: `itm ${labels !== undefined}`,
      wanted,
      inputs,
      options,
      lastQueries: "first",
    });
    return { logits: results.logits!, ...withLoss(results), ...intermediates };
  }
}

/**
 * Masked language modelling: `logits` [batch, text, vocabulary]. transformers 5.23 `BridgeTowerForMaskedLM`.
 * @example
 * const processor = await BridgeTowerProcessor.fromPretrained("models/emoji");
 * const inputs = await processor.process("examples/images/010.png", "a bowling <mask>");
 * const model = await BridgeTowerForMaskedLM.fromPretrained("models/emoji");
 * const { logits } = await model.forward(inputs);
 * console.log(logits.shape.at(-1)); // 3000
 * await model.dispose();
 */
export class BridgeTowerForMaskedLM extends PretrainedModel {
  private constructor(loaded: LoadedModel) {
    super(loaded);
  }

  static async fromPretrained(idOrFolder: string, options: LoadOptions = {}): Promise<BridgeTowerForMaskedLM> {
    return new BridgeTowerForMaskedLM(await open(idOrFolder, options, ["mlm"]));
  }

  async forward(inputs: ModelInputs, options: ForwardOptions = {}): Promise<HeadOutput> {
    checkCall(inputs, options);
    const { labels } = inputs;
    if (labels !== undefined)
      checkLabels(labels, inputs.input_ids.shape, this.config.text_config.vocab_size, [ignoredLabel]);
    const wanted = (model: PairGraph): Outputs => {
      const logits = model.heads("mlm").mlm_logits!;
      return labels === undefined
        ? { logits }
        : { logits, loss: crossEntropy(logits, input("labels", "int64", ["batch", "text"])) };
    };
    const { results, intermediates } = await infer(this.loaded, {
      key: `mlm ${labels !== undefined}`,
      wanted,
      inputs,
      options,
      lastQueries: "all",
    });
    return { logits: results.logits!, ...withLoss(results), ...intermediates };
  }
}

export interface ContrastiveOutput extends Intermediates {
  /** The three embeddings of each pair, text, image, joint: [batch, 3, contrastive_hidden_size]. Not scores. */
  readonly logits: HostTensor;
  /** Unit vectors [batch, contrastive_hidden_size]. */
  readonly text_embeds: HostTensor;
  readonly image_embeds: HostTensor;
  readonly cross_embeds: HostTensor;
  /** If `returnLoss` was set. */
  readonly loss?: number;
}

/** The outputs of the contrastive heads in the joint form. */
type Embeddings = Readonly<Record<"text_embeds" | "image_embeds" | "cross_embeds", Tensor>>;

/**
 * Contrastive embeddings of pairs. transformers 5.23 `BridgeTowerForContrastiveLearning`.
 * @example
 * const processor = await BridgeTowerProcessor.fromPretrained("models/emoji");
 * const inputs = await processor.process("examples/images/010.png", "a bowling ball");
 * const model = await BridgeTowerForContrastiveLearning.fromPretrained("models/emoji");
 * const { text_embeds, image_embeds } = await model.forward(inputs);
 * console.log(text_embeds.shape, image_embeds.shape); // [ 1, 128 ] [ 1, 128 ]
 * await model.dispose();
 */
export class BridgeTowerForContrastiveLearning extends PretrainedModel {
  private constructor(loaded: LoadedModel) {
    super(loaded);
  }

  static async fromPretrained(
    idOrFolder: string,
    options: LoadOptions = {},
  ): Promise<BridgeTowerForContrastiveLearning> {
    const loaded = await open(idOrFolder, options, ["itc"]);
    try {
      checkConfig(jointForm, loaded.config, "BridgeTowerForContrastiveLearning");
    } catch (error) {
      await loaded.dispose();
      throw error;
    }
    return new BridgeTowerForContrastiveLearning(loaded);
  }

  async forward(
    inputs: Omit<ModelInputs, "labels">,
    options: ForwardOptions & { readonly returnLoss?: boolean } = {},
  ): Promise<ContrastiveOutput> {
    checkCall(inputs, options);
    const { returnLoss = false } = options;
    // Named after the head: `image_embeds` alone is an input of the model.
    const wanted = (model: PairGraph): Outputs => {
      const { text_embeds: text, image_embeds: image, cross_embeds: cross } = model.heads("itc") as Embeddings;
      const row = (x: Tensor) => reshape(x, [x.shape[0]!, 1, x.shape[1]!]);
      return {
        logits: concat([text, image, cross].map(row), 1),
        "itc.text_embeds": text,
        "itc.image_embeds": image,
        "itc.cross_embeds": cross,
        ...(returnLoss ? { loss: jointContrastiveLoss(model.p, { text, image, cross }) } : {}),
      };
    };
    const { results, intermediates } = await infer(this.loaded, {
      key: `itc ${returnLoss}`,
      wanted,
      inputs,
      options,
      lastQueries: "first",
    });
    return {
      logits: results.logits!,
      text_embeds: results["itc.text_embeds"]!,
      image_embeds: results["itc.image_embeds"]!,
      cross_embeds: results["itc.cross_embeds"]!,
      ...withLoss(results),
      ...intermediates,
    };
  }
}
