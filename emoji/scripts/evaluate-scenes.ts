/** Evaluates a model on two data sets of scenes: single ones, and pairs for statements. */
import { join } from "node:path";
import { BridgeTower, BridgeTowerProcessor } from "bridgetower";
import type { Dataset } from "bridgetower/data";
import { evaluate, type EvaluateOptions, type Metric } from "bridgetower/evaluation";
import { nounWords, openScenes, readVocabulary, type ScenesOptions } from "../src/index.js";
import { nounAccuracy } from "../src/nouns.js";
import { hashOf, hashOfJson, type MadeOf, type Results } from "./results-cache.js";

/** The scenes of one split. */
export interface SplitScenes {
  readonly scenes: ScenesOptions;
  readonly pairs: ScenesOptions;
}

export interface Selection {
  /** Rows of each data set. Default: all. */
  readonly limit?: number | undefined;
  /** Rows that retrieval compares with each other. With fewer rows there is no recall. */
  readonly candidates: number;
}

export interface Watched {
  readonly signal?: AbortSignal | undefined;
  /** @param part name of the current part, for the progress line */
  readonly onProgress?: (part: string, done: number, total: number) => void;
}

/** Metrics of single scenes. Statements are evaluated on pairs. */
const sceneMetrics = ["facet", "mlm", "nouns", "vqa", "snli", "retrieval"] as const;

/** Everything that the results depend on. Results are recomputed when it changes. */
export async function ingredients(
  model: string,
  { scenes, pairs }: SplitScenes,
  { limit, candidates }: Selection,
): Promise<MadeOf> {
  return {
    model: await hashOf(join(model, "model.safetensors")),
    scenes: scenesHash(scenes),
    pairs: scenesHash(pairs),
    limit: limit ?? null,
    candidates,
  };
}

/** Without the folder of the sprites, which does not change the scenes. */
export const scenesHash = ({ sprites: _, ...options }: ScenesOptions): string => hashOfJson(options);

/** The results of `evaluate` under its names. Metrics that need a head the model lacks are omitted. */
export async function evaluateScenes(
  model: string,
  { scenes, pairs }: SplitScenes,
  selection: Selection,
  { signal, onProgress }: Watched = {},
): Promise<Results> {
  const watch = (part: string) => ({
    signal,
    onProgress: (stage: string, done: number, total: number) => {
      // Comparing the pairs of retrieval takes no time.
      if (stage === "rows") onProgress?.(part, done, total);
    },
  });
  const single = await openScenes(scenes);
  const both = await openScenes(pairs);
  const possible = await possibleMetrics(model, single);
  const statements = (await possibleMetrics(model, both)).has("nlvr2")
    ? await run(model, both, ["nlvr2"], selection, watch("pairs"))
    : {};
  const rows = Math.min(single.rows, selection.limit ?? single.rows);
  const results: Record<string, number> = { ...statements };
  const chosen = sceneMetrics.filter(
    (metric): metric is Exclude<typeof metric, "nouns"> =>
      metric !== "nouns" && possible.has(metric) && (metric !== "retrieval" || rows >= selection.candidates),
  );
  if (possible.has("mlm")) Object.assign(results, await nouns(model, single, selection, { signal, onProgress }));
  if (chosen.length > 0) Object.assign(results, await run(model, single, chosen, selection, watch("scenes")));
  return results;
}

/** Metrics that read no captions. `evaluate` refuses options of captions if there are only these. */
const otherTexts: ReadonlySet<Metric> = new Set(["vqa", "snli", "nlvr2"]);

async function run(
  model: string,
  data: Dataset,
  metrics: readonly Metric[],
  { limit, candidates }: Selection,
  watched: Pick<EvaluateOptions, "signal" | "onProgress">,
): Promise<Results> {
  const readsCaptions = metrics.some((metric) => !otherTexts.has(metric));
  const { results } = await evaluate({
    model,
    data,
    metrics,
    limit,
    captionsPerRow: readsCaptions ? 1 : undefined,
    candidates: metrics.includes("retrieval") ? candidates : undefined,
    ...watched,
  });
  return results;
}

async function nouns(
  folder: string,
  data: Dataset,
  { limit }: Selection,
  { signal, onProgress }: Watched,
): Promise<Results> {
  const model = await BridgeTower.fromPretrained(folder);
  try {
    const { tokenizer } = await BridgeTowerProcessor.fromPretrained(folder);
    return await nounAccuracy(model, data, {
      nouns: nounWords(readVocabulary()),
      tokenizer,
      limit,
      captionsPerRow: 1,
      signal,
      onProgress: (done, total) => onProgress?.("nouns", done, total),
    });
  } finally {
    await model.dispose();
  }
}

/** The metrics that the heads of the model support: the default of `evaluate`. */
async function possibleMetrics(model: string, data: Dataset): Promise<ReadonlySet<Metric>> {
  const { metrics } = await evaluate({ model, data, limit: 1 });
  return new Set(metrics);
}
