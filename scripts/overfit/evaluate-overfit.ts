/** The four accuracies on the pairs themselves, without dropout, always with the same false images and the same masks. */
import { HostTensor } from "../../src/graph/index.js";
import { trainingGraph, type BridgeTowerConfig, type ObjectiveName } from "../../src/model/index.js";
import { Scope } from "../../src/nn/index.js";
import { Runtime, type Arrays, type TrainingGraph } from "../../src/runtime/index.js";
import { collate, type Batch, type CollateOptions, type Sample } from "../../src/learner/index.js";
import { withFalseImages } from "./samples.js";

/** Shares of right answers, 0..1. */
export interface Scores {
  /** Of each pair and of each text with one false image. */
  readonly itm: number;
  /** Recall@1, the worse of both directions. */
  readonly itc: number;
  /** Of masked tokens, each caption masked in `maskings` ways. */
  readonly mlm: number;
  readonly vqa: number;
}

const maskings = 4;

export class OverfitEvaluator {
  private constructor(
    private readonly runtime: Runtime,
    private readonly graphs: readonly { readonly graph: TrainingGraph; readonly batch: Batch }[],
  ) {}

  static async compile(samples: readonly Sample[], options: CollateOptions): Promise<OverfitEvaluator> {
    const { config } = options;
    const count = samples.length;
    const copies = Array.from({ length: maskings }, (_, copy) =>
      samples.map((sample) => ({ ...sample, index: sample.index + copy * count })),
    );
    const runtime = new Runtime();
    const batches = [matching(samples, options), collate(copies.flat(), { mlm: 1 }, options)];
    const graphs = [];
    for (const batch of batches) graphs.push({ graph: await compile(config, batch, runtime), batch });
    return new OverfitEvaluator(runtime, graphs);
  }

  async scores(values: Arrays): Promise<Scores> {
    const outputs: Record<string, HostTensor> = {};
    for (const { graph, batch } of this.graphs) Object.assign(outputs, await graph.run(batch, values, new Map()));
    const { itm, mlm, vqa, text, image } = outputs;
    const recall = Math.min(recallAt1(text!, image!), recallAt1(image!, text!));
    const share = (score: HostTensor | undefined) => Number(score!.at().toFixed(4));
    return { itm: share(itm), itc: recall, mlm: share(mlm), vqa: share(vqa) };
  }

  dispose(): Promise<void> {
    return this.runtime.dispose();
  }
}

/** All true pairs and as many false ones, each text once in both. */
function matching(samples: readonly Sample[], options: CollateOptions): Batch {
  const batch = collate(samples, { itc: 1, vqa: 1 }, options);
  const rows = (values: readonly number[]) =>
    new HostTensor("int64", [values.length], BigInt64Array.from(values, BigInt));
  const texts = batch.itc_texts!.toArray();
  const own = batch.itc_images!.toArray();
  const others = withFalseImages(samples, options.random).map(({ falseImage }) =>
    samples.findIndex(({ image }) => image === falseImage),
  );
  return {
    ...batch,
    itm_texts: rows([...texts, ...texts]),
    itm_images: rows([...own, ...others.map((i) => own[i]!)]),
    itm_labels: rows([...texts.map(() => 1), ...texts.map(() => 0)]),
  };
}

async function compile(config: BridgeTowerConfig, batch: Batch, runtime: Runtime): Promise<TrainingGraph> {
  const [texts, tokens] = batch.input_ids!.shape as [number, number];
  const [images, , height, width] = batch.pixel_values!.shape as [number, number, number, number];
  const uses = (["itm", "itc", "mlm", "vqa"] satisfies ObjectiveName[]).flatMap((name) => {
    const rows = batch[`${name}_texts`];
    return rows === undefined ? [] : [[name, { pairs: rows.shape[0]! }] as const];
  });
  const sizes = { texts, tokens, images, image: { height, width } };
  const { results } = trainingGraph(config, sizes, Object.fromEntries(uses), Scope.root());
  const { itc, ...others } = results;
  const scores = Object.entries(others).map(([name, { score }]) => [name, score] as const);
  return runtime.compileTraining({ ...Object.fromEntries(scores), ...itc?.embeds }, []);
}

/** Share of the rows of `queries` to which, of all rows of `candidates`, that of the same number is the most similar. */
function recallAt1(queries: HostTensor, candidates: HostTensor): number {
  const [count, width] = queries.shape as [number, number];
  const [a, b] = [queries.toArray(), candidates.toArray()];
  const similarity = (i: number, j: number) => {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += a[i * width + k]! * b[j * width + k]!;
    return sum;
  };
  const rows = Array.from({ length: count }, (_, i) => i);
  const right = rows.filter((i) => rows.every((j) => j === i || similarity(i, j) < similarity(i, i)));
  return right.length / count;
}
