/**
 * Contrastive loss over all pairs of a step although no graph has them all: first the embeddings of each micro-batch, then the loss over
 * all of them, whose gradients each micro-batch propagates. Embeddings of other ranks are gathered. Gao et al., Scaling Deep Contrastive Learning
 * Batch Size under Memory Limited Setup, 2021.
 */
import type { Collective } from "../distributed/index.js";
import { HostTensor } from "../graph/index.js";
import { contrastiveBatch, objectiveEntry, type ObjectiveName } from "../model/index.js";
import { GraphCache, type Arrays, type TrainingGraph } from "../runtime/index.js";
import type { Batch } from "./batch.js";
import { gatherNumbers } from "./rank-exchange.js";
import { trainedGradients, type CompileOptions, type ObjectiveReport, type Reports } from "./compiled-step.js";

export interface BatchContrast {
  readonly loss: number;
  readonly score: number;
  /** For each micro-batch the gradients of its embeddings, as inputs of its graph. */
  readonly gradientFeeds: readonly Record<string, HostTensor>[];
  /** Gradients of the temperature, or of the logit scale. Zero on all ranks but rank 0. */
  readonly scaleGradients: Arrays;
}

/** A graph for each number of pairs in a step; the last step of an epoch may have another one. */
const maxGraphs = 4;

export class CachedContrast {
  private readonly graphs = new GraphCache<TrainingGraph>(maxGraphs);

  /** @param weight of the contrastive loss in the sum */
  constructor(
    private readonly options: CompileOptions,
    private readonly weight: number,
    private readonly collective: Collective,
  ) {}

  /**
   * @param microBatches of this rank
   * @param embeddings of a micro-batch: `text`, `image` and in the joint form `cross`
   * @param weights of the micro-batches, which their graphs multiply the losses by and this graph does not
   * @returns gradients of count · loss, because the optimizer divides the sum over all ranks' micro-batches by their count
   */
  async differentiate(
    microBatches: readonly Batch[],
    embeddings: (batch: Batch, i: number) => Promise<Record<string, HostTensor>>,
    values: Arrays,
    weights: readonly number[],
  ): Promise<BatchContrast> {
    const { collective } = this;
    const count = microBatches.length * collective.size;
    const parts: Record<string, HostTensor>[] = [];
    for (const [i, batch] of microBatches.entries()) parts.push(await embeddings(batch, i));
    const names = Object.keys(parts[0]!);
    const feeds: Record<string, HostTensor> = {};
    let first = 0;
    for (const name of names) {
      const local = concatenated(parts.map((part) => part[name] as HostTensor<"float32">));
      const gathered = await gatherRows(collective, local, `${name} embeddings`);
      feeds[`itc_${name}`] = gathered.rows;
      first = gathered.first;
    }
    const ids = microBatches.flatMap(({ itc_image_ids }) => (itc_image_ids === undefined ? [] : [itc_image_ids]));
    if (ids.length > 0) {
      feeds.itc_image_ids = (
        await gatherRows(collective, concatenated(ids as HostTensor<"int64">[]), "itc_image_ids")
      ).rows;
    }
    const pairs = feeds.itc_text!.shape[0]!;
    const gradients: Arrays = new Map();
    const outputs = await this.graphs.use(
      `${pairs} ${ids.length > 0}`,
      () => this.compile(pairs, ids.length > 0),
      (graph) => {
        for (const name of graph.writes) gradients.set(name, new Float32Array(1));
        return graph.run(feeds, values, gradients);
      },
    );
    for (const gradient of gradients.values()) scale(gradient, collective.rank === 0 ? this.weight * count : 0);
    for (const name of names) scale(outputs[name]!.data as Float32Array, count);
    // Every rank has computed them. All report the numbers of rank 0, because another processor may round differently.
    const [report] = await gatherNumbers(collective, [outputs.loss!.at(), outputs.score!.at()], "contrastive loss");
    const [loss, score] = report!;
    return {
      loss: loss!,
      score: score!,
      gradientFeeds: gradientFeeds(parts, outputs, weights, first),
      scaleGradients: gradients,
    };
  }

  /** Frees the graphs. */
  dispose(): Promise<void> {
    return this.graphs.dispose();
  }

  private compile(pairs: number, imageIds: boolean): Promise<TrainingGraph> {
    const { config, runtime, threads } = this.options;
    const { loss, score, p, gradients } = contrastiveBatch(config, pairs, imageIds);
    const parts = trainedGradients(loss, p, this.options.trains);
    return runtime.compileTraining({ loss, score, ...gradients }, parts, { threads });
  }
}

/** The reports with the contrastive loss of the whole batch. */
export function withContrast(reports: Reports, contrast: BatchContrast | undefined): Reports {
  if (contrast === undefined) return reports;
  const { loss, score } = contrast;
  const entries = (Object.entries(reports) as [ObjectiveName, ObjectiveReport][]).map(([name, report]) => {
    const complete = {
      all: { loss, score },
      part: { loss: report.loss + loss, score: report.score },
      none: report,
    };
    return [name, complete[objectiveEntry(name).contrast ?? "none"]] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * For each micro-batch its rows of the gradients by the embeddings, divided by its weight.
 * @param first row of this rank
 */
function gradientFeeds(
  parts: readonly Readonly<Record<string, HostTensor>>[],
  gradients: Readonly<Record<string, HostTensor>>,
  weights: readonly number[],
  first: number,
): Record<string, HostTensor>[] {
  let start = first;
  return parts.map((part, i) => {
    const rows = part.text!.shape[0]!;
    const feeds = Object.entries(part).map(([name, { shape }]) => {
      const width = shape[1]!;
      const values = (gradients[name]!.data as Float32Array).slice(start * width, (start + rows) * width);
      scale(values, 1 / weights[i]!);
      return [`itc_${name}_gradient`, new HostTensor("float32", shape, values)] as const;
    });
    start += rows;
    return Object.fromEntries(feeds);
  });
}

/** The rows of all ranks concatenated, and the index of this rank's first row. */
async function gatherRows<D extends "float32" | "int64">(
  collective: Collective,
  local: HostTensor<D>,
  label: string,
): Promise<{ rows: HostTensor<D>; first: number }> {
  const [localRows, ...shape] = local.shape;
  const { buffer, byteOffset, byteLength } = local.data;
  const rowBytes = byteLength / localRows!;
  const parts = await collective.gather(new Uint8Array(buffer, byteOffset, byteLength), label);
  const rowsOf = (some: readonly Uint8Array[]) => some.reduce((total, { length }) => total + length, 0) / rowBytes;
  const rows = HostTensor.zeros(local.dtype, [rowsOf(parts), ...shape]);
  const bytes = new Uint8Array(rows.data.buffer);
  for (const [rank, part] of parts.entries()) bytes.set(part, rowsOf(parts.slice(0, rank)) * rowBytes);
  return { rows, first: rowsOf(parts.slice(0, collective.rank)) };
}

/** Tensors concatenated along their first axis. */
function concatenated<D extends "float32" | "int64">(tensors: readonly HostTensor<D>[]): HostTensor<D> {
  const [first] = tensors;
  const rows = tensors.reduce((total, { shape }) => total + shape[0]!, 0);
  const all = HostTensor.zeros(first!.dtype, [rows, ...first!.shape.slice(1)]);
  let start = 0;
  for (const { data } of tensors) {
    // Both are of dtype D; TypeScript cannot follow the pairing of dtype and array through the generic.
    (all.data as { set(values: unknown, start: number): void }).set(data, start);
    start += data.length;
  }
  return all;
}

function scale(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
}
