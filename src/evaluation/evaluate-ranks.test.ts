/** Several ranks that share an evaluation, against one process. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { RankInterrupted } from "../distributed/index.js";
import { ranksInMemory } from "../distributed/in-memory.test-support.js";
import { LoadedModel } from "../inference/index.js";
import { evaluate, type EvaluateOptions, type EvaluationResult } from "./index.js";
import { memoryData } from "./memory-data.test-support.js";
import { checkpoint, data, rows } from "./tiny-rows.test-support.js";

// Batches of two images: each rank gets some of nine rows.
beforeEach(() => void vi.spyOn(LoadedModel.prototype, "chunkSize", "get").mockReturnValue(2));

const onRanks = (size: number, options: EvaluateOptions): Promise<EvaluationResult[]> =>
  Promise.all(ranksInMemory(size).map((collective) => evaluate({ ...options, collective })));

describe("two and three ranks get the numbers of one process", () => {
  const broken = memoryData(rows.map((row, i) => (i === 3 ? { ...row, images: [new Uint8Array(8)] } : row)));
  const many = memoryData([...rows, ...rows.slice(0, 4)]);

  test.each<[string, Omit<EvaluateOptions, "model">]>([
    ["all metrics, re-ranked", { data: many, kTest: 2, contrastBatchSize: 3 }],
    ["retrieval by rank_output, in chunks", { data, metrics: ["retrieval"], rankBy: "rank_output", textChunks: 2 }],
    ["retrieval in groups", { data, metrics: ["retrieval"], candidates: 2, kTest: 1 }],
    ["a broken image", { data: broken, metrics: ["itm", "itc", "mlm", "retrieval"] }],
    ["fewer rows than ranks", { data, metrics: ["itm", "vqa"], limit: 1 }],
  ])("%s", async (_, options) => {
    const model = await checkpoint();
    const one = await evaluate({ ...options, model });
    for (const size of [2, 3]) {
      // Equal bit for bit: the batches are those of one process, and sums are taken in its order.
      for (const result of await onRanks(size, { ...options, model })) expect(result).toEqual(one);
    }
  });
});

test("ranks with other data get an error that names the data set, before anything is evaluated", async () => {
  const model = await checkpoint();
  const run = ranksInMemory(2).map((collective, rank) =>
    evaluate({ model, data: memoryData(rows.slice(rank), "/data/pairs.csv"), metrics: ["itm"], collective }),
  );
  for (const result of await Promise.allSettled(run)) {
    expect(result).toMatchObject({ status: "rejected" });
    expect(String((result as PromiseRejectedResult).reason)).toBe(
      "InputError: rows in data set pairs.csv of rank 1: expected 5, as on rank 0, found 4. " +
        "Start all ranks with the same files and settings.",
    );
  }
});

test("the interruption of one rank ends the evaluation on all ranks", async () => {
  const model = await checkpoint();
  const stop = new AbortController();
  const results = await Promise.allSettled(
    ranksInMemory(2).map((collective, rank) =>
      evaluate({
        model,
        data,
        metrics: ["itm"],
        collective,
        ...(rank === 1 ? { signal: stop.signal, onProgress: () => stop.abort(new Error("enough")) } : {}),
      }),
    ),
  );
  const [zero, one] = results.map((result) => (result as PromiseRejectedResult).reason as unknown);
  expect(zero).toBeInstanceOf(RankInterrupted);
  expect(String(one)).toBe("Error: enough");
});
