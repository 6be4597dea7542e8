/**
 * The tasks: match, fillMask, embedText, embedImage, embedPair, answer, entail, compare. Each tower runs once for each image and each text.
 * Texts of equal length are computed together, so that no padding is ever computed and results do not depend on it.
 */
import {
  booleanType,
  callbackType,
  checkArgument,
  checkFactory,
  checkOptions,
  listOf,
  oneOf,
  oneOrList,
  signalType,
  stringType,
  wholeNumber,
  type ArgumentType,
  type OptionTypes,
} from "../arguments.js";
import { InputError } from "../errors.js";
import type { HostTensor } from "../graph/index.js";
import type { BridgeTowerConfig } from "../model/index.js";
import { readAnswers } from "./answers.js";
import { entailmentLabels, logitsAbout, logitsAboutTwo, type Answer, type Entailment } from "./classify.js";
import { filledMask, type FilledMask } from "./mask-predictions.js";
import {
  defaultModel,
  LoadedModel,
  loadOptions,
  prefetch,
  type ImageOptions,
  type LoadOptions,
  type RunOptions,
  type States,
  type TextOptions,
} from "./loaded-model.js";
import { tasks, type Task } from "./parts.js";
import type { ImageInput } from "../processing/index.js";
import { asList } from "./bridgetower-processor.js";
import { secondProbability, sigmoid, softmax, topIndices } from "./logits.js";
import { batchOf, chunksOfEqualLength, residentGroups, type CutTokens, type Tokens } from "./text-chunks.js";

export interface BridgeTowerOptions extends LoadOptions {
  /**
   * Tasks to prepare: their sub-graphs are compiled while the tokenizer loads, and a missing head is an error at once.
   * By default each sub-graph is compiled at its first use.
   */
  readonly prepare?: readonly Task[];
  /**
   * Keep packed copies of the text tower's weights: saves a quarter of the time of each text, takes as much private memory as
   * the tower's weights and a second at the first text. Default false.
   */
  readonly prepackText?: boolean;
  /**
   * Called with each image that looks like a photograph, if no checkpoint was named: the packaged model knows emoji art and
   * drawn scenes only. Called twice for an image that is decoded twice.
   */
  readonly onPhotograph?: (image: ImageInput) => void;
}

const openOptions: OptionTypes<BridgeTowerOptions> = {
  ...loadOptions,
  prepare: listOf(oneOf(Object.keys(tasks))),
  prepackText: booleanType,
  onPhotograph: callbackType,
};
const textOptions: OptionTypes<TextOptions> = { signal: signalType, truncation: oneOf(["cut", "error"]) };
const progressOptions: OptionTypes<Progress> = { signal: signalType, onProgress: callbackType };
const taskOptions: OptionTypes<TaskOptions> = { ...textOptions, ...progressOptions };
const topKOptions: OptionTypes<TopKOptions> = { ...textOptions, topK: wholeNumber(1) };
const onBrokenImage = callbackType;

const text = stringType;
const texts = oneOrList(stringType);
const textList = listOf(stringType);
/** Each image is checked when it is decoded. */
const imageList = listOf({ expected: "an image", accepts: () => true });

interface Call {
  readonly task: Task;
  readonly parameters: Readonly<Record<string, ArgumentType>>;
  readonly options: OptionTypes<object>;
}

/** The task of each method, and the types of its arguments. */
const calls = {
  match: { task: "match", parameters: { texts }, options: { ...taskOptions, onBrokenImage } },
  streamMatch: {
    task: "match",
    parameters: { images: imageList, texts: textList },
    options: { ...taskOptions, onBrokenImage },
  },
  fillMask: { task: "fillMask", parameters: { text }, options: topKOptions },
  embedText: { task: "embedText", parameters: { texts }, options: taskOptions },
  embedImage: { task: "embedImage", parameters: {}, options: progressOptions },
  embedPair: { task: "embedPair", parameters: { texts }, options: taskOptions },
  streamTextEmbeddings: { task: "embedText", parameters: { texts: textList }, options: taskOptions },
  streamImageEmbeddings: {
    task: "embedImage",
    parameters: { images: imageList },
    options: { ...progressOptions, onBrokenImage },
  },
  streamPairEmbeddings: {
    task: "embedPair",
    parameters: { images: imageList, texts: textList },
    options: { ...taskOptions, onBrokenImage },
  },
  answer: { task: "answer", parameters: { questions: texts }, options: topKOptions },
  entail: { task: "entail", parameters: { hypotheses: texts }, options: textOptions },
  compare: { task: "compare", parameters: { statements: texts }, options: textOptions },
} satisfies Readonly<Record<string, Call>>;

export interface MatchScore {
  /** Index of the image. */
  readonly image: number;
  /** Index of the text. */
  readonly text: number;
  /** No match, match. */
  readonly logits: readonly [number, number];
  /** Softmax of the match class, 0..1. */
  readonly probability: number;
}

/** One result for one input, a list for a list. */
export type ResultsOf<Input, Result> = Input extends readonly unknown[] ? Result[] : Result;

/** One embedding for one input, a list for a list. */
export type EmbeddingsOf<Input> = ResultsOf<Input, Float32Array>;

/** The index of an input, and its embedding. */
export type IndexedEmbedding = readonly [index: number, embedding: Float32Array];

export interface Progress extends RunOptions {
  /**
   * Called after each step with the number of results so far and of all. A promise that it returns is awaited; what it throws
   * rejects the call.
   */
  readonly onProgress?: (done: number, total: number) => unknown;
}

/** Options of a task over texts. */
export interface TaskOptions extends Progress, TextOptions {}

/** Options of a task that gives the best of many candidates. */
export interface TopKOptions extends TextOptions {
  /** Candidates to give, best first. Default 5. */
  readonly topK?: number;
}

/**
 * A checkpoint with its tokenizer, ready for the tasks. Calls may run concurrently on one model.
 * @example
 * const model = await BridgeTower.fromPretrained();
 * const [score] = await model.match("examples/images/010.png", "a bowling ball");
 * console.log(score?.probability.toFixed(2)); // 0.96
 * await model.dispose();
 */
export class BridgeTower implements AsyncDisposable {
  private answers: Promise<readonly string[]> | undefined;

  private constructor(private readonly model: LoadedModel) {
    checkFactory("BridgeTower", model instanceof LoadedModel);
  }

  /**
   * Opens a checkpoint with its tokenizer and image settings.
   * @param idOrFolder a folder in Hugging Face layout or a hub id; the packaged model by default
   * @throws InputError for anything missing or broken, and for a task in `prepare` that does not exist
   */
  static async fromPretrained(idOrFolder?: string, options: BridgeTowerOptions = {}): Promise<BridgeTower> {
    checkOptions("fromPretrained", options, openOptions);
    const onPhotograph = idOrFolder === undefined ? options.onPhotograph : undefined;
    const open = { ...options, onPhotograph, withProcessor: true };
    const model = new BridgeTower(await LoadedModel.open(idOrFolder === undefined ? defaultModel : idOrFolder, open));
    try {
      if (options.prepare?.includes("answer")) await model.answerList();
      return model;
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  get config(): BridgeTowerConfig {
    return this.model.config;
  }

  /** Frees the compiled graphs and ends the session worker. Pending calls are rejected. */
  dispose(): Promise<void> {
    return this.model.dispose();
  }

  /** `dispose`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /**
   * Scores every image with every text by image-text matching.
   * @returns images × texts scores, images outer; none of images for which `onBrokenImage` was called
   */
  async match(
    images: ImageInput | readonly ImageInput[],
    texts: string | readonly string[],
    options: TaskOptions & ImageOptions = {},
  ): Promise<MatchScore[]> {
    this.begin("match", { texts }, options);
    const [imageList, textList] = [asList(images), asList(texts)];
    const scores = new Array<MatchScore>(imageList.length * textList.length);
    const chunks = chunksOfEqualLength(this.model.tokenize(textList, options), this.model.chunkSize);
    const { onBrokenImage, ...runOptions } = options;
    const broken = new Set<number>();
    let done = 0;
    for (const resident of residentGroups(chunks, this.model.stateBytes)) {
      // The next image is decoded while the model runs on this one.
      const prefetched = prefetch(imageList, (image, index) => {
        const onBroken = (error: InputError) => {
          // Each group of texts decodes the images again.
          if (!broken.has(index)) onBrokenImage!(error, index);
          broken.add(index);
        };
        return this.model.pixels([image], { ...runOptions, onBrokenImage: onBrokenImage && onBroken });
      });
      const groups: { readonly chunk: readonly Tokens[]; readonly states: States }[] = [];
      for (const chunk of resident) groups.push({ chunk, states: await this.model.textStates(chunk, options) });
      for await (const [image, pixels] of prefetched) {
        if (broken.has(image)) {
          await options.onProgress?.((done += resident.flat().length), scores.length);
          continue;
        }
        const imageStates = await this.model.run("image", pixels, options);
        for (const { chunk, states } of groups) {
          const { logits } = await this.model.run("fusion itm", { ...imageStates, ...states }, options);
          for (const [row, { index }] of chunk.entries()) {
            const pair = [logits!.at(row, 0), logits!.at(row, 1)] as const;
            const probability = secondProbability(...pair);
            scores[image * textList.length + index] = { image, text: index, logits: pair, probability };
          }
          await options.onProgress?.((done += chunk.length), scores.length);
        }
      }
    }
    return broken.size === 0 ? scores : scores.filter(({ image }) => !broken.has(image));
  }

  /**
   * The scores of `match` in the same order, one after another: memory does not grow with the number of images. Texts that are cut are a
   * warning for each group of images.
   * @example
   * await using model = await BridgeTower.fromPretrained();
   * const images = ["examples/images/010.png", "examples/images/000.png"];
   * const found: boolean[] = [];
   * for await (const { probability } of model.streamMatch(images, ["a bowling ball"])) found.push(probability > 0.5);
   * console.log(found); // [ true, false ]
   */
  streamMatch(
    images: readonly ImageInput[],
    texts: readonly string[],
    options: TaskOptions & ImageOptions = {},
  ): AsyncGenerator<MatchScore, void> {
    this.begin("streamMatch", { images, texts }, options);
    return this.matchScores(images, texts, options);
  }

  private async *matchScores(
    images: readonly ImageInput[],
    texts: readonly string[],
    { onProgress, onBrokenImage, ...options }: TaskOptions & ImageOptions,
  ): AsyncGenerator<MatchScore, void> {
    const size = Math.min(maxMatchImages, Math.max(minMatchImages, Math.floor(scoresInMemory / texts.length)));
    for (const [i, group] of windows(images, size).entries()) {
      const first = i * size;
      const scores = await this.match(group, texts, {
        ...options,
        onProgress: onProgress && ((done) => onProgress(first * texts.length + done, images.length * texts.length)),
        onBrokenImage: onBrokenImage && ((error, index) => onBrokenImage(error, first + index)),
      });
      for (const score of scores) yield { ...score, image: first + score.image };
    }
  }

  /**
   * Fills each `<mask>` of a text about an image.
   * @param options topK: candidates for each mask, best first (default 5)
   * @throws InputError when the text has no `<mask>`, or one too far back for the model
   */
  async fillMask(image: ImageInput, text: string, options: TopKOptions = {}): Promise<FilledMask> {
    this.begin("fillMask", { text }, options);
    const { topK = 5 } = options;
    const [tokens] = this.model.tokenize([text], options);
    const { tokenizer, maxLength } = this.model;
    checkMasks(tokens!, tokenizer.maskTokenId, maxLength);
    const states = {
      ...(await this.model.textStates([tokens!], options)),
      ...(await this.model.imageStates([image], "image", options)),
    };
    const { mlm_logits } = await this.model.run("fusion mlm", states, options);
    return filledMask(mlm_logits!.row(0), tokens!.ids, tokenizer, topK);
  }

  /** Unit-length embeddings of texts; computes the text tower only. -> a Float32Array [contrastive_hidden_size] each */
  async embedText<T extends string | readonly string[]>(texts: T, options: TaskOptions = {}): Promise<EmbeddingsOf<T>> {
    this.begin("embedText", { texts }, options);
    return inFormOf(texts, await collected(this.textEmbeddings(asList<string>(texts), options)));
  }

  /** Unit-length embeddings of images; computes the vision tower only. -> a Float32Array [contrastive_hidden_size] each */
  async embedImage<T extends ImageInput | readonly ImageInput[]>(
    images: T,
    options: Progress = {},
  ): Promise<EmbeddingsOf<T>> {
    this.begin("embedImage", {}, options);
    return inFormOf(images, await collected(this.imageEmbeddings(asList<ImageInput>(images), options)));
  }

  /**
   * Unit-length joint embeddings of the i-th image with the i-th text. -> a Float32Array [contrastive_hidden_size] each
   * @throws InputError when there are not as many images as texts
   */
  async embedPair<T extends ImageInput | readonly ImageInput[]>(
    images: T,
    texts: T extends readonly ImageInput[] ? readonly string[] : string,
    options: TaskOptions = {},
  ): Promise<EmbeddingsOf<T>> {
    this.begin("embedPair", { texts }, options);
    const embeddings = this.pairEmbeddings(asList<ImageInput>(images), asList<string>(texts), options);
    return inFormOf(images, await collected(embeddings));
  }

  /**
   * The embeddings of `embedText`, one after another with the index of their text: memory does not grow with their number.
   * @example
   * await using model = await BridgeTower.fromPretrained();
   * const found: number[] = [];
   * for await (const [index] of model.streamTextEmbeddings(["a fox", "a moose"])) found.push(index);
   * console.log(found); // [ 0, 1 ]
   */
  streamTextEmbeddings(texts: readonly string[], options: TaskOptions = {}): AsyncGenerator<IndexedEmbedding, void> {
    this.begin("streamTextEmbeddings", { texts }, options);
    return this.textEmbeddings(texts, options);
  }

  /** The embeddings of `embedImage`, one after another with the index of their image. */
  streamImageEmbeddings(
    images: readonly ImageInput[],
    options: Progress & ImageOptions = {},
  ): AsyncGenerator<IndexedEmbedding, void> {
    this.begin("streamImageEmbeddings", { images }, options);
    return this.imageEmbeddings(images, options);
  }

  /** The embeddings of `embedPair`, one after another with the index of their pair. */
  streamPairEmbeddings(
    images: readonly ImageInput[],
    texts: readonly string[],
    options: TaskOptions & ImageOptions = {},
  ): AsyncGenerator<IndexedEmbedding, void> {
    this.begin("streamPairEmbeddings", { images, texts }, options);
    return this.pairEmbeddings(images, texts, options);
  }

  private async *textEmbeddings(
    texts: readonly string[],
    options: TaskOptions,
  ): AsyncGenerator<IndexedEmbedding, void> {
    let done = 0;
    for (const tokens of windows(this.model.tokenize(texts, options), textsInMemory)) {
      const embeddings: IndexedEmbedding[] = [];
      for (const chunk of chunksOfEqualLength(tokens, this.model.chunkSize)) {
        const { text_embeds } = await this.model.run("text itc", batchOf(chunk), options);
        for (const [row, { index }] of chunk.entries()) embeddings.push([index, vector(text_embeds!, row)]);
        await options.onProgress?.((done += chunk.length), texts.length);
      }
      yield* embeddings.sort(([a], [b]) => a - b);
    }
  }

  private async *imageEmbeddings(
    images: readonly ImageInput[],
    { onBrokenImage, ...options }: Progress & ImageOptions,
  ): AsyncGenerator<IndexedEmbedding, void> {
    const size = this.model.chunkSize;
    const broken = new Set<number>();
    const prefetched = prefetch(windows(images, size), (run, i) =>
      this.model.pixels(run, { ...options, onBrokenImage: reportTo(onBrokenImage, broken, (row) => i * size + row) }),
    );
    for await (const [i, pixels] of prefetched) {
      const [first, end] = [i * size, Math.min((i + 1) * size, images.length)];
      const indices = range(first, end).filter((index) => !broken.has(index));
      const { image_embeds } = indices.length > 0 ? await this.model.run("image itc", pixels, options) : {};
      const embeddings = indices.map((index, row): IndexedEmbedding => [index, vector(image_embeds!, row)]);
      await options.onProgress?.(end, images.length);
      yield* embeddings;
    }
  }

  private async *pairEmbeddings(
    images: readonly ImageInput[],
    texts: readonly string[],
    { onBrokenImage, ...options }: TaskOptions & ImageOptions,
  ): AsyncGenerator<IndexedEmbedding, void> {
    if (images.length !== texts.length) {
      throw new InputError({
        code: "invalid-argument",
        where: "embedPair",
        expected: "one text per image: the i-th image is embedded with the i-th text",
        found: `${images.length} images and ${texts.length} texts`,
      });
    }
    const broken = new Set<number>();
    let done = 0;
    for (const tokens of windows(this.model.tokenize(texts, options), textsInMemory)) {
      const embeddings: IndexedEmbedding[] = [];
      for (const chunk of chunksOfEqualLength(tokens, this.model.chunkSize)) {
        const pixels = await this.model.pixels(
          chunk.map(({ index }) => images[index]!),
          { ...options, onBrokenImage: reportTo(onBrokenImage, broken, (row) => chunk[row]!.index) },
        );
        const rest = chunk.filter(({ index }) => !broken.has(index));
        if (rest.length > 0) {
          const imageStates = await this.model.run("image", pixels, options);
          const states = { ...imageStates, ...(await this.model.textStates(rest, options)) };
          const { cross_embeds } = await this.model.run("pairs itc", states, options);
          for (const [row, { index }] of rest.entries()) embeddings.push([index, vector(cross_embeds!, row)]);
        }
        await options.onProgress?.((done += chunk.length), texts.length);
      }
      yield* embeddings.sort(([a], [b]) => a - b);
    }
  }

  /**
   * Answers questions about an image. The image tower runs once for all of them.
   * @param options topK: answers to each question, best first (default 5)
   * @throws InputError if the model folder does not name the answers of its classifier
   */
  async answer<T extends string | readonly string[]>(
    image: ImageInput,
    questions: T,
    options: TopKOptions = {},
  ): Promise<ResultsOf<T, Answer[]>> {
    this.begin("answer", { questions }, options);
    const { topK = 5 } = options;
    const answers = await this.answerList();
    const rows = await logitsAbout(this.model, image, asList<string>(questions), "vqa", options);
    const ranked = rows.map((logits) =>
      topIndices(logits, topK).map((id) => ({ answer: answers[id]!, probability: sigmoid(logits[id]!) })),
    );
    return inFormOf(questions, ranked);
  }

  /** Whether an image entails a hypothesis, contradicts it, or neither: the three labels, best first. */
  async entail<T extends string | readonly string[]>(
    image: ImageInput,
    hypotheses: T,
    options: TextOptions = {},
  ): Promise<ResultsOf<T, Entailment[]>> {
    this.begin("entail", { hypotheses }, options);
    const rows = await logitsAbout(this.model, image, asList<string>(hypotheses), "snli", options);
    const ranked = rows.map((logits) => {
      const probabilities = softmax(logits);
      return topIndices(logits).map((id) => ({ label: entailmentLabels[id]!, probability: probabilities[id]! }));
    });
    return inFormOf(hypotheses, ranked);
  }

  /**
   * The probability 0..1 that a statement about two images is true. Their order counts: the statement may be about the
   * left one and the right one.
   */
  async compare<T extends string | readonly string[]>(
    first: ImageInput,
    second: ImageInput,
    statements: T,
    options: TextOptions = {},
  ): Promise<ResultsOf<T, number>> {
    this.begin("compare", { statements }, options);
    const rows = await logitsAboutTwo(this.model, [first, second], asList<string>(statements), options);
    return inFormOf(
      statements,
      rows.map(([no, yes]) => secondProbability(no!, yes!)),
    );
  }

  /**
   * @throws InputError for arguments of other types or an unknown option, or if the checkpoint lacks a head or setting of the task; the
   *   signal's reason if it is aborted
   */
  private begin<Name extends keyof typeof calls>(
    name: Name,
    given: Readonly<Record<keyof (typeof calls)[Name]["parameters"], unknown>>,
    options: RunOptions,
  ): void {
    const { task, parameters, options: types }: Call = calls[name];
    for (const [parameter, value] of Object.entries(given)) checkArgument(parameter, value, parameters[parameter]!);
    checkOptions(name, options, types);
    this.model.requireTask(task);
    options.signal?.throwIfAborted();
  }

  private answerList(): Promise<readonly string[]> {
    if (this.answers !== undefined) return this.answers;
    const answers = readAnswers(this.model.folder, this.config.vqav2_label_size, this.model.configJson);
    this.answers = answers;
    // A failure is not kept: the next call tries again.
    answers.catch(() => (this.answers = undefined));
    return answers;
  }
}

/** @throws InputError if a text has no `<mask>`, or one beyond the limit of the model */
function checkMasks({ ids, overflowing }: CutTokens, mask: number, maxLength: number): void {
  if (overflowing.includes(mask)) {
    throw new InputError({
      code: "text-too-long",
      where: "text",
      expected: `every <mask> within the first ${maxLength} tokens`,
      found: "one after them",
      hint: "Shorten the text",
    });
  }
  if (ids.includes(mask)) return;
  const hint = "Write <mask> for a missing word";
  throw new InputError({ code: "invalid-argument", where: "text", expected: "a <mask> to fill", found: "none", hint });
}

/** The list itself for a list, its only entry for a single input. */
const inFormOf = <T, Result>(input: T, results: Result[]): ResultsOf<T, Result> =>
  // The condition is that of the type; TypeScript does not follow it.
  (Array.isArray(input) ? results : results[0]!) as ResultsOf<T, Result>;

async function collected(embeddings: AsyncIterable<IndexedEmbedding>): Promise<Float32Array[]> {
  const list: Float32Array[] = [];
  for await (const [, embedding] of embeddings) list.push(embedding);
  return list;
}

/** Images whose scores are computed before the first of them is given. The text tower runs once for each such group. */
const [minMatchImages, maxMatchImages] = [8, 64];
/** Scores of a group of more than the fewest images. */
const scoresInMemory = 2 ** 18;

/** Texts whose embeddings are computed before the first of them is given: texts of equal length are computed together. */
const textsInMemory = 1024;

/** The list in pieces of at most `size`. */
const windows = <T>(list: readonly T[], size: number): (readonly T[])[] =>
  range(0, Math.ceil(list.length / size)).map((i) => list.slice(i * size, (i + 1) * size));

const range = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, i) => first + i);

/** `report` for the rows of a part of the images. Adds the indices of broken images to `broken`. */
function reportTo(
  report: ImageOptions["onBrokenImage"],
  broken: Set<number>,
  indexOf: (row: number) => number,
): ImageOptions["onBrokenImage"] {
  return (
    report &&
    ((error, row) => {
      broken.add(indexOf(row));
      report(error, indexOf(row));
    })
  );
}

/** A copy of one row, which does not keep the whole batch in memory. */
const vector = (embeds: HostTensor, row: number): Float32Array =>
  Float32Array.from(embeds.row(row).data as Float32Array);
