/** What a model is worth on two documents of scenes: single ones, and pairs for statements. */
import { join } from "node:path";
import { openDataset, type Dataset } from "../../src/data/index.js";
import { evaluate, needsOf, type EvaluateOptions, type Metric } from "../../src/evaluation/index.js";
import { PartedModel } from "../../src/inference/index.js";
import { hashOf, type MadeOf, type Results } from "./kept-results.js";

/** Paths of `.scenes.json` files of the same split. */
export interface Documents {
  readonly scenes: string;
  readonly pairs: string;
}

export interface Judgement {
  /** Rows of each document; by default all. */
  readonly limit?: number | undefined;
  /** Rows that retrieval compares with one another; with fewer rows there is no recall. */
  readonly candidates: number;
}

export interface Watched {
  readonly signal?: AbortSignal | undefined;
  /** @param part what is judged, for a line of progress */
  readonly onProgress?: (part: string, done: number, total: number) => void;
}

/** Judged on single scenes; statements are judged on pairs. */
const sceneMetrics: readonly Metric[] = ["facet", "mlm", "nouns", "vqa", "snli", "retrieval"];

/** All that the results follow from, to tell whether they have to be made again. */
export async function ingredients(
  model: string,
  { scenes, pairs }: Documents,
  { limit, candidates }: Judgement,
): Promise<MadeOf> {
  return {
    model: await hashOf(join(model, "model.safetensors")),
    scenes: await hashOf(scenes),
    pairs: await hashOf(pairs),
    limit: limit ?? null,
    candidates,
  };
}

/** Results of `evaluate` under its names; what the model has no head for is left out. */
export async function judgeScenes(
  model: string,
  documents: Documents,
  judgement: Judgement,
  { signal, onProgress }: Watched = {},
): Promise<Results> {
  const metrics = await metricsFor(model);
  const judged = async (part: keyof Documents, wanted: readonly Metric[]): Promise<Results> => {
    const data = await openDataset(documents[part], { signal });
    try {
      const rows = Math.min(data.rows, judgement.limit ?? data.rows);
      const chosen = wanted.filter(
        (metric) => metrics.has(metric) && (metric !== "retrieval" || rows >= judgement.candidates),
      );
      if (chosen.length === 0) return {};
      const report: EvaluateOptions["onProgress"] = (stage, done, total) => {
        // Pairs of retrieval are compared in no time.
        if (stage === "rows") onProgress?.(part, done, total);
      };
      return await judge(model, data, chosen, judgement, { signal, onProgress: report });
    } finally {
      await data.close();
    }
  };
  const ofScenes = await judged("scenes", sceneMetrics);
  return { ...(await judged("pairs", ["nlvr2"])), ...ofScenes };
}

async function judge(
  model: string,
  data: Dataset,
  metrics: readonly Metric[],
  { limit, candidates }: Judgement,
  watched: Pick<EvaluateOptions, "signal" | "onProgress">,
): Promise<Results> {
  const compared = metrics.includes("retrieval") ? { candidates } : {};
  const { results } = await evaluate({ model, data, metrics, limit, captionsPerRow: 1, ...compared, ...watched });
  return results;
}

/** Metrics that the model has the heads for. */
async function metricsFor(folder: string): Promise<ReadonlySet<Metric>> {
  const model = await PartedModel.open(folder, { prepare: [], prepackText: false }, {});
  try {
    const { heads, config } = model;
    const all: readonly Metric[] = [...sceneMetrics, "nlvr2"];
    const has = (metric: Metric) => needsOf(metric).heads.some((head) => heads.includes(head));
    // By similarity; ranking by `rank_output` is another thing.
    const can = (metric: Metric) => (metric === "retrieval" ? heads.includes("itc") : has(metric));
    return new Set(all.filter((metric) => can(metric) && (metric !== "nlvr2" || config.token_type_count > 2)));
  } finally {
    await model.dispose();
  }
}
