/** Evaluates a checkpoint on a data set: one pass over its rows, in which all metrics share the image tower. */
import { transformImage, transformKeys, type CustomDataset, type Dataset, type TransformKey } from "../data/index.js";
import { completeDataset, datasetFacts } from "../data/internal.js";
import { checkAgreement, joinWork, singleProcess, type Collective } from "../distributed/index.js";
import {
  callbackType,
  checkOptions,
  either,
  listOf,
  objectType,
  oneOf,
  oneOrList,
  seedType,
  signalType,
  stringType,
  wholeNumber,
  type OptionTypes,
} from "../arguments.js";
import { InputError } from "../errors.js";
import { Random } from "../random/index.js";
import { LoadedModel, loadOptions, type LoadOptions } from "../inference/index.js";
import type { RowMetric, EvalContext } from "./metrics/metric.js";
import { MatchLogits } from "./metrics/matching.js";
import { Questions, type VqaPrediction } from "./metrics/questions.js";
import {
  chooseMetrics,
  defaultRankBy,
  metricEntry,
  metrics as allMetrics,
  rankings,
  requiredInputs,
  type Metric,
  type RankBy,
} from "./metric-table.js";
import { ImageReader, type ImageTransform, type SkippedImage } from "./image-reader.js";
import type { Chunks } from "./retrieval/fused-scores.js";
import { maxPairs } from "./retrieval/retrieval.js";
import { refuseUnusedOptions } from "./unused-options.js";
import { encodedRows } from "./encoded-row.js";

export interface EvaluateOptions extends Chunks {
  /** A folder in Hugging Face layout or a hub id. */
  readonly model: string;
  /** From `openDataset` or from code. It is not closed. */
  readonly data: CustomDataset;
  /** Default: all that both data set and checkpoint allow, without those that take far longer than the others. */
  readonly metrics?: readonly Metric[] | undefined;
  /** Seed of false captions and masked tokens, which are the same for every checkpoint. Default 0. */
  readonly seed?: number | undefined;
  /** Rows to evaluate, from the first on. Default: all. */
  readonly limit?: number | undefined;
  /** Captions of each row to evaluate, from the first on. Default: all. False captions are sampled from all in any case. */
  readonly captionsPerRow?: number | undefined;
  /** Tokens that texts are truncated to, special ones included. Default: the limit of the checkpoint. */
  readonly maxTextLength?: number | undefined;
  /** How retrieval ranks. Default: by similarity, if the checkpoint has contrastive heads. */
  readonly rankBy?: RankBy | undefined;
  /**
   * Retrieval among this number of rows: rows that have captions and a readable image make groups of that size, in their order. A smaller
   * last group is left out; recalls are means over all texts and all images of the groups. Default: all rows are one group.
   */
  readonly candidates?: number | undefined;
  /** Candidates of each image and of each text that ITM re-ranks in retrieval by similarity. Default 0: none. */
  readonly kTest?: number | undefined;
  /** Pairs of one contrastive loss. Default 16, as in the fine-tuning preset. */
  readonly contrastBatchSize?: number | undefined;
  /** False captions that `rank_output` compares with each caption. Default 15, as in training. */
  readonly falseTexts?: number | undefined;
  /** Preprocessing of images. Default: the image settings of the checkpoint. */
  readonly transform?: TransformKey | ImageTransform | undefined;
  /** The answers of the VQA classifier, or a JSON file with them. Default: those of the model folder. */
  readonly answers?: string | readonly string[] | undefined;
  /**
   * Called with the number of evaluated rows, and then with the number of pairs that retrieval has fused. With several processes the numbers
   * are estimated from this one's share. A promise that it returns is awaited.
   */
  readonly onProgress?: ((stage: "rows" | "pairs", done: number, total: number) => unknown) | undefined;
  /** Ends the evaluation, which rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly load?: LoadOptions | undefined;
  /** Processes that share the evaluation, each called with the same options. All get the results of one process. Default: this one. @internal */
  readonly collective?: Collective | undefined;
}

interface CompleteOptions extends EvaluateOptions {
  readonly data: Dataset;
}

export interface EvaluationResult {
  /** The metrics that were computed. */
  readonly metrics: readonly Metric[];
  /**
   * By name, in the order of the metrics. Accuracies, scores and recalls are in 0..1, `rsum` is in percent, losses are in nats, the others
   * are counts. A metric without any text has its counts only.
   */
  readonly results: Readonly<Record<string, number>>;
  /** The first hundred images that could not be read; `skipped_images` of the results counts all. */
  readonly skipped: readonly SkippedImage[];
  /** Answers to all questions that have an id, if the texts of the answers are known. */
  readonly predictions: readonly VqaPrediction[];
}

/**
 * Evaluates a checkpoint on a data set. The same seed gives the same numbers, however rows are grouped; the false captions and masked
 * tokens of a row do not depend on `limit`. An error thrown by `onProgress` rejects the call.
 * @throws InputError for a checkpoint or data set that is damaged or lacks what a metric needs, for data without a readable image, and
 *   for an option that would change nothing, such as `kTest` without the metric `retrieval` or without the head for ITM
 * @example
 * const data = await openDataset("examples/images");
 * const { results } = await evaluate({ model: "models/emoji", data, metrics: ["itm"], limit: 2, captionsPerRow: 1 });
 * console.log(results.rows); // 2
 * await data.close();
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluationResult> {
  checkOptions("evaluate", options, optionTypes);
  const { model: idOrFolder, load = {} } = options;
  checkOptions("load", load, loadOptions);
  const data = completeDataset(options.data);
  const model = await LoadedModel.open(idOrFolder, { signal: options.signal, ...load, withProcessor: true });
  try {
    return await evaluateModel(model, { ...options, data });
  } finally {
    await model.dispose();
  }
}

async function evaluateModel(model: LoadedModel, options: CompleteOptions): Promise<EvaluationResult> {
  const { data, seed = 0, limit, captionsPerRow, signal, onProgress, collective = singleProcess } = options;
  const count = Math.min(data.rows, limit ?? data.rows);
  if (collective.size > 1) await checkAgreement(collective, datasetFacts(data, "data set"), "data set to evaluate");
  const maxLength = textLength(options, model);
  const pairs = comparedPairs(options, count);
  const chosen = chooseMetrics(options.metrics, { data, rows: count, model, pairs });
  if (chosen.includes("retrieval")) checkRetrieval(options, count, pairs);
  const reader = new ImageReader(model, transformOf(options, model));
  const random = new Random(seed);
  const tokenize = (texts: readonly string[]) => texts.map((text) => model.tokenizer.encode(text, { maxLength }).ids);
  const context: EvalContext = { model, data, reader, tokenize, captionsPerRow, random, signal, collective };
  const { rankBy = defaultRankBy(model), contrastBatchSize = 16, falseTexts = 15, kTest = 0 } = options;
  const { candidates, imageChunks, textChunks, answers } = options;
  refuseUnusedOptions(options, { metrics: chosen, model, rankBy });
  const settings = {
    rankBy,
    contrastBatchSize,
    falseTexts,
    kTest,
    candidates,
    imageChunks,
    textChunks,
    answers,
    matchLogits: new MatchLogits(context),
    onProgress: (done: number, total: number) => onProgress?.("pairs", done, total),
  };
  const metrics: RowMetric[] = [];
  for (const metric of chosen) metrics.push(await metricEntry(metric).create(context, settings));
  const rows = [...Array(count).keys()].filter((row) =>
    chosen.some((metric) => metricEntry(metric).texts.every((kind) => data.counts[kind][row]! > 0)),
  );
  const inputs = requiredInputs(chosen, model, rankBy);
  const shares = await joinWork(collective, "rows to evaluate", signal, async () => {
    let evaluated = 0;
    for await (const group of encodedRows(context, rows, inputs, collective)) {
      for (const row of group.rows) {
        for (const metric of metrics) {
          signal?.throwIfAborted();
          if (metric.accepts(row)) await metric.update(row);
        }
      }
      evaluated += group.rows.length;
      await onProgress?.("rows", Math.min(group.read * collective.size, rows.length), rows.length);
    }
    const { skipped, skippedCount } = reader;
    return { evaluated, skipped, skippedCount, lists: metrics.map(({ lists }) => lists) };
  });
  if (collective.size > 1) {
    reader.join(shares);
    metrics.forEach((metric, i) =>
      joinLists(
        metric,
        shares.map(({ lists }) => lists[i]!),
      ),
    );
  }
  const evaluated = shares.reduce((sum, share) => sum + share.evaluated, 0);
  if (evaluated === 0) throw noReadableImages(data, reader);
  const results: Record<string, number> = {};
  for (const metric of metrics) Object.assign(results, await metric.compute());
  const questions = metrics.find((metric) => metric instanceof Questions);
  return {
    metrics: chosen,
    results: { ...results, rows: evaluated, skipped_images: reader.skippedCount },
    skipped: reader.skipped,
    predictions: questions?.predictions ?? [],
  };
}

/** @param shares the lists of the metric on each rank */
function joinLists({ lists }: RowMetric, shares: readonly (readonly unknown[][])[]): void {
  lists.forEach((list, k) => {
    list.length = 0;
    for (const share of shares) for (const entry of share[k]!) list.push(entry);
  });
}

function transformOf({ transform, seed = 0 }: EvaluateOptions, model: LoadedModel): ImageTransform | undefined {
  if (typeof transform !== "string") return transform;
  const { image_size } = model.config.vision_config;
  // A transform with random choices gives the same view of an image every time.
  return (image) => transformImage(image, { key: transform, image_size }, new Random(seed, "transform"));
}

function textLength({ maxTextLength }: EvaluateOptions, { maxLength, folder }: LoadedModel): number {
  if (maxTextLength === undefined || maxTextLength <= maxLength) return maxTextLength ?? maxLength;
  throw new InputError({
    code: "invalid-argument",
    where: "maxTextLength",
    expected: `at most ${maxLength} tokens, the limit of ${folder}`,
    found: String(maxTextLength),
  });
}

const optionTypes: OptionTypes<EvaluateOptions> = {
  model: stringType,
  // Checked by completeDataset.
  data: objectType,
  metrics: listOf(oneOf(allMetrics)),
  seed: seedType,
  limit: wholeNumber(1),
  captionsPerRow: wholeNumber(1),
  // Start, end and a word.
  maxTextLength: wholeNumber(3),
  rankBy: oneOf(rankings),
  // Among one row, everything is found.
  candidates: wholeNumber(2),
  kTest: wholeNumber(0),
  contrastBatchSize: wholeNumber(1),
  falseTexts: wholeNumber(1),
  imageChunks: wholeNumber(1),
  textChunks: wholeNumber(1),
  transform: either(oneOf(transformKeys), callbackType),
  answers: oneOrList(stringType),
  onProgress: callbackType,
  signal: signalType,
  load: objectType,
  collective: objectType,
};

/** The number of pairs of images and captions that retrieval compares. */
function comparedPairs({ data, captionsPerRow = Infinity, candidates = Infinity }: CompleteOptions, rows: number) {
  const counts = data.counts.captions.subarray(0, rows);
  return Math.min(rows, candidates) * counts.reduce((sum, count) => sum + Math.min(count, captionsPerRow), 0);
}

function checkRetrieval({ data, candidates = 0 }: CompleteOptions, rows: number, pairs: number): void {
  if (pairs > maxPairs) {
    const expected = `at most ${maxPairs} pairs of images and captions to compare in retrieval`;
    throw new InputError({
      code: "invalid-setting",
      where: data.name,
      expected,
      found: String(pairs),
      hint: "Lower limit, or set candidates",
    });
  }
  const withCaptions = data.counts.captions.subarray(0, rows).filter((count) => count > 0).length;
  if (candidates <= withCaptions) return;
  const expected = `at most ${withCaptions}, the rows of ${data.name} that have captions`;
  throw new InputError({ code: "invalid-setting", where: "candidates", expected, found: String(candidates) });
}

function noReadableImages({ name }: Dataset, { skipped, skippedCount }: ImageReader): InputError {
  const [first] = skipped;
  return new InputError({
    code: "missing-data",
    where: name,
    expected: "images that can be read",
    found: `none in ${skippedCount}; the first: ${first?.reason ?? "missing"}`,
  });
}
