/** A step compiled for the shape of its batch: losses and gradients, and the embeddings that contrast over micro-batches needs first. */
import {
  HostTensor,
  topologicalOrder,
  parameterGradients,
  recompute,
  type Input,
  type GradientPart,
  type Tensor,
} from "../graph/index.js";
import { trainingGraph, type BridgeTowerConfig, type ObjectiveName } from "../model/index.js";
import { Scope } from "../nn/index.js";
import { Uint8Pixels } from "../processing/index.js";
import type { Arrays, Runtime, TrainingGraph } from "../runtime/index.js";
import type { Batch, BatchShape } from "./batch.js";
import type { Random } from "../random/index.js";

export interface CompileOptions {
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
 * Activations that the backward pass recomputes instead of keeping them. `cheap`: all but the outputs of linear layers and of
 * attention; `blocks`: all but the hidden states between the blocks.
 */
export const recomputeModes = ["nothing", "cheap", "blocks"] as const;
export type Recompute = (typeof recomputeModes)[number];

/** The activations of the forward pass that are kept. */
const kept: Readonly<
  Record<Exclude<Recompute, "nothing">, (boundaries: readonly Tensor[], loss: Tensor) => readonly Tensor[]>
> = {
  cheap: (boundaries, loss) => [
    ...boundaries,
    ...topologicalOrder([loss]).filter((node) => node.kind === "operation" && node.isExpensive),
  ],
  blocks: (boundaries) => boundaries,
};

function recomputed(
  parts: readonly GradientPart[],
  loss: Tensor,
  boundaries: readonly Tensor[],
  { recompute: mode }: CompileOptions,
): readonly GradientPart[] {
  if (mode === "nothing") return parts;
  const gradients = recompute(
    parts.map(({ gradient }) => gradient),
    loss,
    kept[mode](boundaries, loss),
  );
  return parts.map((part, i) => ({ ...part, gradient: gradients[i]! }));
}

export interface ObjectiveReport {
  readonly loss: number;
  /** Accuracy, or the VQA score, in 0..1. */
  readonly score: number;
}

/** By objective. */
export type Reports = Partial<Record<ObjectiveName, ObjectiveReport>>;

export type Mode = "train" | "eval";

export class CompiledStep {
  private constructor(
    private readonly step: TrainingGraph,
    /** Embeddings alone, for contrast over several micro-batches. */
    private readonly embeds: TrainingGraph | undefined,
    private readonly dropoutBytes: readonly Input[],
    private readonly objectives: readonly ObjectiveName[],
  ) {}

  /** @param mode `eval`: no dropout, no gradients */
  static async compile({ sizes, uses }: BatchShape, mode: Mode, options: CompileOptions): Promise<CompiledStep> {
    const { config, runtime, threads, profile } = options;
    const scope = mode === "train" ? Scope.training() : Scope.root();
    const { loss, results, boundaries, p } = trainingGraph(config, sizes, uses, scope);
    const outputs: Record<string, Tensor> = {};
    for (const [name, result] of Object.entries(results)) {
      outputs[`${name}_loss`] = result.localLoss ?? result.loss;
      outputs[`${name}_score`] = result.score;
    }
    const parts =
      mode === "eval" ? [] : recomputed(trainedGradients(loss, p, options.trains), loss, boundaries, options);
    const cached = Object.values(uses).some((use) => use.cached);
    const embeds = Object.values(results).find((result) => result.embeds !== undefined)?.embeds;
    return new CompiledStep(
      await runtime.compileTraining(outputs, parts, { threads, profile }),
      cached && embeds !== undefined ? await runtime.compileTraining({ ...embeds }, [], { threads }) : undefined,
      p.randomInputs(),
      Object.keys(results) as ObjectiveName[],
    );
  }

  /** The embeddings `text`, `image` and in the joint form `cross`, with the same dropout as the step. */
  async embeddings(batch: Batch, parameters: Arrays, random: Random): Promise<Record<string, HostTensor>> {
    return this.embeds!.run(await this.feeds(batch, random), parameters, new Map());
  }

  /** Losses and scores. In training mode `gradients` are overwritten. */
  async run(batch: Batch, parameters: Arrays, gradients: Arrays, random: Random): Promise<Reports> {
    const outputs = await this.step.run(await this.feeds(batch, random), parameters, gradients);
    const report = (name: ObjectiveName): ObjectiveReport => ({
      loss: outputs[`${name}_loss`]!.at(),
      score: outputs[`${name}_score`]!.at(),
    });
    return Object.fromEntries(this.objectives.map((name) => [name, report(name)]));
  }

  async dispose(): Promise<void> {
    await Promise.all([this.step.dispose(), this.embeds?.dispose()]);
  }

  /** The batch with pixels in float32, and the random bytes of dropout. */
  private async feeds(batch: Batch, random: Random): Promise<Record<string, HostTensor>> {
    const feeds = { ...batch, ...this.randomBytes(random) };
    const { pixel_values } = batch;
    return pixel_values instanceof Uint8Pixels ? { ...feeds, pixel_values: await pixel_values.normalised() } : feeds;
  }

  private randomBytes(random: Random): Record<string, HostTensor> {
    return Object.fromEntries(
      this.dropoutBytes.map(({ name, shape }) => {
        const bytes = HostTensor.zeros("uint8", shape as readonly number[]);
        random.fillBytes(bytes.data);
        return [name, bytes];
      }),
    );
  }
}

/** Gradients of the parameters that the loss reads through `p` and that are trained. */
export const trainedGradients = (loss: Tensor, p: Scope, trains: CompileOptions["trains"]): readonly GradientPart[] =>
  parameterGradients(
    loss,
    p.parameters().filter(({ name }) => trains(name)),
  );

export const scalar = (value: number): HostTensor => new HostTensor("float32", [], Float32Array.of(value));
