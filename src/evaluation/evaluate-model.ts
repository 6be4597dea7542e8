/** What a checkpoint is worth on a data set: one pass over its rows, each image through its tower once for all metrics. */
import { transformImage, type Dataset, type TransformKey } from "../data/index.js";
import { InputError } from "../errors.js";
import { Random } from "../random/index.js";
import { answersInFile, findAnswers, PartedModel, readAnswers, type LoadOptions } from "../inference/index.js";
import { Classes } from "./metrics/classes.js";
import { Contrast } from "./metrics/contrast.js";
import type { Judge, Judging } from "./metrics/metric.js";
import { MaskedWords } from "./metrics/masked-words.js";
import { Facets, Matching, MatchLogits } from "./metrics/matching.js";
import { Nouns } from "./metrics/nouns.js";
import { Questions, type VqaPrediction } from "./metrics/questions.js";
import { Ranking } from "./metrics/ranking.js";
import { chooseMetrics, needsOf, sightOf, type Metric, type RankBy } from "./metric-requirements.js";
import { ImageReader, type ImageTransform, type SkippedImage } from "./image-reader.js";
import type { Chunks } from "./retrieval/fused-scores.js";
import { maxPairs, Retrieval } from "./retrieval/retrieval.js";
import { seenRows } from "./encoded-row.js";

export interface EvaluationSettings extends Chunks {
  /** A folder in Hugging Face layout or a hub id. */
  readonly model: string;
  readonly data: Dataset;
  /** By default all that both data set and checkpoint allow; `chooseMetrics` says what is left out. */
  readonly metrics?: readonly Metric[] | undefined;
  /** Of false captions and hidden words: the same ones for every checkpoint. Default 0. */
  readonly seed?: number | undefined;
  /** Rows that are judged, from the first on. By default all. */
  readonly limit?: number | undefined;
  /** Captions of each row that are judged, from the first on. By default all; false ones are drawn from all in any case. */
  readonly captions_per_row?: number | undefined;
  /** Tokens that texts are cut to, special ones included. By default as many as the checkpoint takes. */
  readonly max_text_len?: number | undefined;
  /** What retrieval goes by; by default similarity where the checkpoint has contrastive heads. */
  readonly rank_by?: RankBy | undefined;
  /**
   * Retrieval among so many rows: those that have captions and a readable image make groups of so many, in their order. A last group
   * that is smaller is left out; recalls are means over all texts and all images of the groups. By default all rows are one group.
   */
  readonly candidates?: number | undefined;
  /** Candidates of each image and of each text that ITM ranks again, where the checkpoint has its head. Default 0: none. */
  readonly k_test?: number | undefined;
  /** Pairs that the contrastive loss is taken over. Default 16, as in the fine-tuning recipe. */
  readonly per_gpu_eval_batchsize?: number | undefined;
  /** False captions that `rank_output` tells a true one from. Default 15, as in training. */
  readonly draw_false_text?: number | undefined;
  /** How images are made ready; by default as the checkpoint's own settings say. */
  readonly transform?: TransformKey | ImageTransform | undefined;
  /** What the outputs of the VQA classifier are called, or a JSON file of it; by default as the model folder says. */
  readonly answers?: string | readonly string[] | undefined;
  /** Told how many rows have been judged, and then how many pairs of retrieval have been through the fusion. */
  readonly onProgress?: ((stage: "rows" | "pairs", done: number, total: number) => void) | undefined;
  /** Ends the work with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly load?: LoadOptions | undefined;
}

export interface EvaluationResult {
  /** What was measured. */
  readonly metrics: readonly Metric[];
  /**
   * By name, in the order of the metrics. Accuracies, scores and recalls are shares 0..1, `rsum` is in percent, losses are
   * in nats, the others are counts. What nothing was judged for has its counts only.
   */
  readonly results: Readonly<Record<string, number>>;
  /** The first hundred images that could not be read; `skipped_images` of the results counts all. */
  readonly skipped: readonly SkippedImage[];
  /** Answers to all questions that have a number, where the answers' texts are known. */
  readonly predictions: readonly VqaPrediction[];
}

/**
 * Judges a checkpoint on a data set. The same numbers for the same seed, however rows are grouped; a row's false captions and hidden
 * words do not depend on `limit`.
 * @throws InputError for a checkpoint or data set that is broken or lacks what a metric needs, or without a readable image
 */
export async function evaluate(settings: EvaluationSettings): Promise<EvaluationResult> {
  const { model: idOrFolder, load = {} } = settings;
  checkSettings(settings);
  const model = await PartedModel.open(idOrFolder, { prepare: [], prepackText: false }, load);
  try {
    return await judgeAll(model, settings);
  } finally {
    await model.dispose();
  }
}

async function judgeAll(model: PartedModel, settings: EvaluationSettings): Promise<EvaluationResult> {
  const { data, seed = 0, limit, signal, onProgress } = settings;
  const count = Math.min(data.rows, limit ?? data.rows);
  if (count === 0)
    throw new InputError({ code: "missing-data", where: data.name, expected: "rows to judge", found: "none" });
  const maxLength = textLength(settings, model);
  const pairs = comparedPairs(settings, count);
  const chosen = chooseMetrics(settings.metrics, { data, rows: count, model, pairs });
  if (chosen.includes("retrieval")) checkRetrieval(settings, count, pairs);
  const reader = new ImageReader(model, transformOf(settings, model));
  const random = new Random(seed);
  const tokenize = (texts: readonly string[]) => model.tokenize(texts, maxLength).map(({ ids }) => [...ids]);
  const { captions_per_row } = settings;
  const judging: Judging = { model, data, reader, tokenize, captions_per_row, random, signal };
  const rankBy = settings.rank_by ?? (model.heads.includes("itc") ? "similarity" : "rank_output");
  const judges = await judgesOf(chosen, judging, settings, rankBy);
  const rows = [...Array(count).keys()].filter((row) =>
    chosen.some((metric) => needsOf(metric).texts.every((kind) => data.counts[kind][row]! > 0)),
  );
  let seen = 0;
  for await (const group of seenRows(judging, rows, sightOf(chosen, model, rankBy))) {
    for (const row of group.rows) {
      for (const judge of judges.values()) {
        signal?.throwIfAborted();
        if (judge.wants(row)) await judge.judge(row);
      }
    }
    seen += group.rows.length;
    onProgress?.("rows", group.end, rows.length);
  }
  if (seen === 0) throw nothingSeen(data, reader);
  const results: Record<string, number> = {};
  for (const judge of judges.values()) Object.assign(results, await judge.results());
  const questions = judges.get("vqa");
  return {
    metrics: chosen,
    results: { ...results, rows: seen, skipped_images: reader.skippedCount },
    skipped: reader.skipped,
    predictions: questions instanceof Questions ? questions.predictions : [],
  };
}

async function judgesOf(
  chosen: readonly Metric[],
  judging: Judging,
  settings: EvaluationSettings,
  rank_by: RankBy,
): Promise<ReadonlyMap<Metric, Judge>> {
  const { model, data } = judging;
  const {
    per_gpu_eval_batchsize = 16,
    draw_false_text = 15,
    candidates,
    k_test = 0,
    image_chunks,
    text_chunks,
  } = settings;
  const logits = new MatchLogits(judging);
  const make: Readonly<Record<Metric, () => Judge | Promise<Judge>>> = {
    itm: () => new Matching(judging, logits),
    facet: () => new Facets(logits),
    itc: async () => new Contrast(judging, await model.contrastiveScale(), per_gpu_eval_batchsize),
    mlm: () => new MaskedWords(judging),
    nouns: () => new Nouns(judging, data.nouns ?? []),
    vqa: async () => {
      const { folder, config } = model;
      const noAnswers = () => readAnswers(folder, config.vqav2_label_size);
      return new Questions(judging, await answersOf(settings, model), noAnswers);
    },
    snli: () => new Classes(judging, "snli"),
    nlvr2: () => new Classes(judging, "nlvr2"),
    irtr: () => new Ranking(judging, draw_false_text),
    retrieval: () => {
      model.requireHead(rank_by === "similarity" ? "itc" : "rank");
      return new Retrieval(judging, {
        rank_by,
        k_test: model.heads.includes("itm") ? k_test : 0,
        candidates,
        image_chunks,
        text_chunks,
        onProgress: (done, total) => settings.onProgress?.("pairs", done, total),
      });
    },
  };
  const judges = new Map<Metric, Judge>();
  for (const metric of chosen) judges.set(metric, await make[metric]());
  return judges;
}

async function answersOf({ answers }: EvaluationSettings, model: PartedModel): Promise<readonly string[] | undefined> {
  const count = model.config.vqav2_label_size;
  if (answers === undefined) return findAnswers(model.folder, count);
  const list = typeof answers === "string" ? await answersInFile(answers, count) : answers;
  if (list?.length === count) return list;
  throw new InputError({
    code: "invalid-config",
    where: typeof answers === "string" ? answers : "answers",
    expected: `the ${count} answers that the classifier of ${model.folder} tells apart`,
    found: list === undefined ? "no such file" : String(list.length),
  });
}

function transformOf({ transform, seed = 0 }: EvaluationSettings, model: PartedModel): ImageTransform | undefined {
  if (typeof transform !== "string") return transform;
  const { image_size } = model.config.vision_config;
  // Always the same view of an image, should the transform draw.
  return (image) => transformImage(image, { key: transform, image_size }, new Random(seed, "transform"));
}

function textLength({ max_text_len }: EvaluationSettings, { maxLength, folder }: PartedModel): number {
  if (max_text_len === undefined || max_text_len <= maxLength) return max_text_len ?? maxLength;
  throw new InputError({
    code: "invalid-setting",
    where: "max_text_len",
    expected: `at most ${maxLength} tokens, which is the longest text of ${folder}`,
    found: String(max_text_len),
  });
}

/** The least that each setting may be. */
const least = {
  limit: 1,
  captions_per_row: 1,
  // Start and end, and a word between them.
  max_text_len: 3,
  // Among one, everything is found.
  candidates: 2,
  k_test: 0,
  per_gpu_eval_batchsize: 1,
  draw_false_text: 1,
  image_chunks: 1,
  text_chunks: 1,
} as const;

function checkSettings(settings: EvaluationSettings): void {
  for (const [name, bound] of Object.entries(least) as [keyof typeof least, number][]) {
    const value = settings[name];
    if (value === undefined || (Number.isSafeInteger(value) && value >= bound)) continue;
    throw new InputError({
      code: "invalid-setting",
      where: name,
      expected: `a whole number, ${bound} or more`,
      found: String(value),
    });
  }
}

/** Pairs of images and captions that retrieval compares. */
function comparedPairs({ data, captions_per_row = Infinity, candidates = Infinity }: EvaluationSettings, rows: number) {
  const counts = data.counts.captions.subarray(0, rows);
  return Math.min(rows, candidates) * counts.reduce((sum, count) => sum + Math.min(count, captions_per_row), 0);
}

function checkRetrieval({ data, candidates = 0 }: EvaluationSettings, rows: number, pairs: number): void {
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

function nothingSeen({ name }: Dataset, { skipped, skippedCount }: ImageReader): InputError {
  const [first] = skipped;
  return new InputError({
    code: "missing-data",
    where: name,
    expected: "images that can be read",
    found: `none in ${skippedCount}; the first: ${first?.reason ?? "missing"}`,
  });
}
