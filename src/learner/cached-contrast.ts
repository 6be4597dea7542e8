/**
 * Contrast over all pairs of a step although no graph holds them all: embeddings first, then the loss over all of them, whose
 * gradients each micro-batch carries back; embeddings of other ranks are gathered. Gao et al., Scaling Deep Contrastive Learning
 * Batch Size under Memory Limited Setup, 2021.
 */
import type { Collective } from "../distributed/index.js";
import { HostTensor } from "../graph/index.js";
import { contrastiveBatch } from "../model/index.js";
import type { Arrays, TrainingGraph } from "../runtime/index.js";
import type { Batch } from "./batch.js";
import { gatherNumbers } from "./collective-checks.js";
import { trainedGradients, type StepGraphOptions } from "./step-graph.js";

export interface BatchContrast {
  readonly loss: number;
  readonly score: number;
  /** For each micro-batch the inputs that carry its embeddings' gradients. */
  readonly gradientFeeds: readonly Record<string, HostTensor>[];
  /** Gradients of the temperature, or of the logit scale: to be added to the sum of the micro-batches'. Zero but on rank 0. */
  readonly own: Arrays;
}

interface ContrastGraph {
  readonly graph: TrainingGraph;
  /** Zeros to write gradients into. */
  readonly own: () => Arrays;
}

export class CachedContrast {
  private readonly graphs = new Map<string, Promise<ContrastGraph>>();

  /** @param weight of the contrastive loss in the sum */
  constructor(
    private readonly options: StepGraphOptions,
    private readonly weight: number,
    private readonly collective: Collective,
  ) {}

  /**
   * @param microBatches of this rank
   * @param embeddings of a micro-batch: `text`, `image` and in the joint form `cross`
   * @param shares what the graphs of the micro-batches multiply their losses with, which this one's is not to be
   * @returns gradients of count · loss, because the optimizer divides the sum over all ranks' micro-batches by their count
   */
  async differentiate(
    microBatches: readonly Batch[],
    embeddings: (batch: Batch, i: number) => Promise<Record<string, HostTensor>>,
    values: Arrays,
    shares: readonly number[],
  ): Promise<BatchContrast> {
    const { collective } = this;
    const count = microBatches.length * collective.size;
    const parts: Record<string, HostTensor>[] = [];
    for (const [i, batch] of microBatches.entries()) parts.push(await embeddings(batch, i));
    const names = Object.keys(parts[0]!);
    const feeds: Record<string, HostTensor> = {};
    let first = 0;
    for (const name of names) {
      const own = joined(parts.map((part) => part[name] as HostTensor<"float32">));
      const gathered = await gatherRows(collective, own);
      feeds[`itc_${name}`] = gathered.rows;
      first = gathered.first;
    }
    const ids = microBatches.flatMap(({ itc_image_ids }) => (itc_image_ids === undefined ? [] : [itc_image_ids]));
    if (ids.length > 0) {
      feeds.itc_image_ids = (await gatherRows(collective, joined(ids as HostTensor<"int64">[]))).rows;
    }
    const pairs = feeds.itc_text!.shape[0]!;
    const { graph, own } = await this.graphFor(pairs, ids.length > 0);
    const gradients = own();
    const outputs = await graph.run(feeds, values, gradients);
    for (const gradient of gradients.values()) scale(gradient, collective.rank === 0 ? this.weight * count : 0);
    for (const name of names) scale(outputs[name]!.data as Float32Array, count);
    // Each rank has computed them; all report what rank 0 found, should another processor round otherwise.
    const [report] = await gatherNumbers(collective, [outputs.loss!.at(), outputs.score!.at()]);
    const [loss, score] = report!;
    return {
      loss: loss!,
      score: score!,
      gradientFeeds: gradientFeeds(parts, outputs, shares, first),
      own: gradients,
    };
  }

  private graphFor(pairs: number, imageIds: boolean): Promise<ContrastGraph> {
    const key = `${pairs} ${imageIds}`;
    const known = this.graphs.get(key) ?? this.compile(pairs, imageIds);
    this.graphs.set(key, known);
    return known;
  }

  private async compile(pairs: number, imageIds: boolean): Promise<ContrastGraph> {
    const { config, runtime, threads } = this.options;
    const { loss, score, p, gradients } = contrastiveBatch(config, pairs, imageIds);
    const parts = trainedGradients(loss, p, this.options);
    const graph = await runtime.compileTraining({ loss, score, ...gradients }, parts, { threads });
    return { graph, own: () => new Map(parts.map(({ parameter }) => [parameter.name, new Float32Array(1)])) };
  }
}

/**
 * For each micro-batch its rows of the gradients by the embeddings, divided by its share.
 * @param first row of this rank
 */
function gradientFeeds(
  parts: readonly Readonly<Record<string, HostTensor>>[],
  gradients: Readonly<Record<string, HostTensor>>,
  shares: readonly number[],
  first: number,
): Record<string, HostTensor>[] {
  let start = first;
  return parts.map((part, i) => {
    const rows = part.text!.shape[0]!;
    const feeds = Object.entries(part).map(([name, { shape }]) => {
      const width = shape[1]!;
      const values = (gradients[name]!.data as Float32Array).slice(start * width, (start + rows) * width);
      scale(values, 1 / shares[i]!);
      return [`itc_${name}_gradient`, new HostTensor("float32", shape, values)] as const;
    });
    start += rows;
    return Object.fromEntries(feeds);
  });
}

/** The rows of all ranks one below the other, and where this rank's begin. */
async function gatherRows<D extends "float32" | "int64">(
  collective: Collective,
  own: HostTensor<D>,
): Promise<{ rows: HostTensor<D>; first: number }> {
  const [ownRows, ...shape] = own.shape;
  const { buffer, byteOffset, byteLength } = own.data;
  const rowBytes = byteLength / ownRows!;
  const parts = await collective.gather(new Uint8Array(buffer, byteOffset, byteLength));
  const rowsOf = (some: readonly Uint8Array[]) => some.reduce((total, { length }) => total + length, 0) / rowBytes;
  const rows = HostTensor.zeros(own.dtype, [rowsOf(parts), ...shape]);
  const bytes = new Uint8Array(rows.data.buffer);
  for (const [rank, part] of parts.entries()) bytes.set(part, rowsOf(parts.slice(0, rank)) * rowBytes);
  return { rows, first: rowsOf(parts.slice(0, collective.rank)) };
}

/** Tensors one below the other. */
function joined<D extends "float32" | "int64">(tensors: readonly HostTensor<D>[]): HostTensor<D> {
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
