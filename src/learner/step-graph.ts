/** A step of the model compiled for the sizes of its batch: losses and gradients, and the embeddings that contrast needs first. */
import {
  HostTensor,
  topologicalOrder,
  parameterGradients,
  recompute,
  type Input,
  type GradientPart,
  type Tensor,
} from "../graph/index.js";
import { trainingStep, type BridgeTowerConfig, type ObjectiveName } from "../model/index.js";
import { Scope } from "../nn/index.js";
import type { Arrays, Runtime, TrainingGraph } from "../runtime/index.js";
import type { Batch, BatchShape } from "./batch.js";
import type { Random } from "../random/index.js";

export interface StepGraphOptions {
  readonly config: BridgeTowerConfig;
  /** Whether a parameter is trained. */
  readonly trains: (name: string) => boolean;
  readonly recompute: Recompute;
  readonly runtime: Runtime;
  /** Of ONNX Runtime. */
  readonly threads: number | undefined;
  readonly profile: string | undefined;
}

/**
 * What the backward half computes a second time instead of keeping it. `cheap`: all but matrix products of weights and what
 * attention gives; `blocks`: all that lies between the states of the towers and levels.
 */
export type Recompute = "nothing" | "cheap" | "blocks";

/** The values of the forward half that are kept where not all are. */
const keeps: Readonly<
  Record<Exclude<Recompute, "nothing">, (boundaries: readonly Tensor[], loss: Tensor) => readonly Tensor[]>
> = {
  cheap: (boundaries, loss) => [
    ...boundaries,
    ...topologicalOrder([loss]).filter((node) => node.kind === "operation" && /^(linear|attention)$/.test(node.op)),
  ],
  blocks: (boundaries) => boundaries,
};

function recomputed(
  parts: readonly GradientPart[],
  loss: Tensor,
  boundaries: readonly Tensor[],
  { recompute: mode }: StepGraphOptions,
): readonly GradientPart[] {
  if (mode === "nothing") return parts;
  const again = recompute(
    parts.map(({ gradient }) => gradient),
    loss,
    keeps[mode](boundaries, loss),
  );
  return parts.map((part, i) => ({ ...part, gradient: again[i]! }));
}

export interface ObjectiveReport {
  readonly loss: number;
  /** Share of right answers, or the VQA score, in 0..1. */
  readonly score: number;
}

export type Reports = Partial<Record<ObjectiveName, ObjectiveReport>>;

export class StepGraph {
  private constructor(
    private readonly step: TrainingGraph,
    /** Embeddings alone, for contrast over several micro-batches. */
    private readonly embeds: TrainingGraph | undefined,
    private readonly noise: readonly Input[],
    private readonly objectives: readonly ObjectiveName[],
  ) {}

  /** @param mode `judge`: no dropout, no gradients */
  static async compile(
    { sizes, uses }: BatchShape,
    mode: "train" | "judge",
    options: StepGraphOptions,
  ): Promise<StepGraph> {
    const { config, runtime, threads, profile } = options;
    const scope = mode === "train" ? Scope.training() : Scope.root();
    const { loss, results, boundaries, p } = trainingStep(config, sizes, uses, scope);
    const outputs: Record<string, Tensor> = {};
    for (const [name, result] of Object.entries(results)) {
      outputs[`${name}_loss`] = result.ownLoss ?? result.loss;
      outputs[`${name}_score`] = result.score;
    }
    const parts = mode === "judge" ? [] : recomputed(trainedGradients(loss, p, options), loss, boundaries, options);
    const contrast = [uses.itc, uses.itm_itc].some((use) => use?.cached === true);
    const embeds = (results.itc ?? results.itm_itc)?.embeds;
    return new StepGraph(
      await runtime.compileTraining(outputs, parts, { threads, profile }),
      contrast && embeds !== undefined ? await runtime.compileTraining({ ...embeds }, [], { threads }) : undefined,
      p.randomInputs(),
      Object.keys(results) as ObjectiveName[],
    );
  }

  /** The embeddings `text`, `image` and in the joint form `cross`, with the very dropout of the step. */
  embeddings(batch: Batch, parameters: Arrays, random: Random): Promise<Record<string, HostTensor>> {
    return this.embeds!.run({ ...batch, ...this.randomBytes(random) }, parameters, new Map());
  }

  /** Losses and scores; `gradients` is overwritten where the graph trains. */
  async run(batch: Batch, parameters: Arrays, gradients: Arrays, random: Random): Promise<Reports> {
    const outputs = await this.step.run({ ...batch, ...this.randomBytes(random) }, parameters, gradients);
    const report = (name: ObjectiveName): ObjectiveReport => ({
      loss: outputs[`${name}_loss`]!.at(),
      score: outputs[`${name}_score`]!.at(),
    });
    return Object.fromEntries(this.objectives.map((name) => [name, report(name)]));
  }

  async dispose(): Promise<void> {
    await Promise.all([this.step.dispose(), this.embeds?.dispose()]);
  }

  private randomBytes(random: Random): Record<string, HostTensor> {
    return Object.fromEntries(
      this.noise.map(({ name, shape }) => {
        const bytes = HostTensor.zeros("uint8", shape as readonly number[]);
        random.fillBytes(bytes.data);
        return [name, bytes];
      }),
    );
  }
}

/** Gradients of the parameters that the loss asked `p` for and that are trained. */
export const trainedGradients = (
  loss: Tensor,
  p: Scope,
  { trains }: Pick<StepGraphOptions, "trains">,
): readonly GradientPart[] =>
  parameterGradients(
    loss,
    p.parameters().filter(({ name }) => trains(name)),
  );

export const scalar = (value: number): HostTensor => new HostTensor("float32", [], Float32Array.of(value));
