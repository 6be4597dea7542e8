/** A checkpoint that is open: its config, its weights by reference, and the graphs compiled so far. */
import { fileURLToPath } from "node:url";
import {
  openCheckpoint,
  readTensor,
  resolveModel,
  toFloat32,
  type Checkpoint,
  type HubOptions,
} from "../checkpoint/index.js";
import { InputError } from "../errors.js";
import { topologicalOrder, type HostTensor, type Parameter } from "../graph/index.js";
import { type BridgeTowerConfig, type Head, type Outputs } from "../model/index.js";
import { CompiledGraph, type CompileOptions, type Device } from "../runtime/index.js";
import { readConfig } from "./config-file.js";
import { bindWeights, type BoundWeights } from "./weights.js";

/** The checkpoint that the package carries, for use without a name. */
export const defaultModel: string = fileURLToPath(new URL("../../models/mini", import.meta.url));

export interface LoadOptions extends HubOptions {
  /** Default `cpu`. */
  readonly device?: Device;
  /** Threads of one operator; the number of cores by default. */
  readonly threads?: number;
  /**
   * Keep packed copies of the text tower's weights: a quarter less time for each text, for as much private memory as the
   * tower is large and a second at the first text. Default false.
   */
  readonly prepackText?: boolean;
  /** Told once about names in the checkpoint that no BridgeTower has. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Opens a checkpoint and checks it against its config; reads no weights.
 * @param heads the heads that must be in the file
 * @throws InputError naming what is missing, misshapen or broken
 */
export async function loadModel(
  idOrFolder: string,
  heads: readonly Head[],
  options: LoadOptions,
): Promise<LoadedModel> {
  const folder = await resolveModel(idOrFolder, options);
  const [config, checkpoint] = await Promise.all([readConfig(folder), openCheckpoint(folder)]);
  const weights = bindWeights(checkpoint, config, heads);
  if (weights.surplus.length > 0) {
    options.onWarning?.(
      `${checkpoint.source}: ignored ${weights.surplus.length} unknown names, such as ${weights.surplus[0]!}`,
    );
  }
  return new LoadedModel(folder, config, checkpoint, weights, options);
}

export class LoadedModel {
  private readonly graphs = new Map<string, Promise<CompiledGraph>>();
  private readonly parameters = new Map<string, readonly Parameter[]>();

  constructor(
    readonly folder: string,
    readonly config: BridgeTowerConfig,
    private readonly checkpoint: Checkpoint,
    private readonly weights: BoundWeights,
    private readonly options: LoadOptions,
  ) {}

  /** @throws InputError naming the parameters of a head that the checkpoint lacks */
  requireHead(head: Head): void {
    bindWeights(this.checkpoint, this.config, [head]);
  }

  /**
   * Runs the graph called `key`, built and compiled at its first use.
   * @throws InputError when an input does not fit, a token id is beyond the vocabulary, or an output is not finite
   */
  async run(
    key: string,
    build: () => Outputs,
    feeds: Readonly<Record<string, HostTensor>>,
    compile: Pick<CompileOptions, "prepack"> = {},
  ): Promise<Record<string, HostTensor>> {
    if (feeds.input_ids !== undefined) checkTokenIds(feeds.input_ids, this.config);
    let graph = this.graphs.get(key);
    if (graph === undefined) {
      const outputs = build();
      this.parameters.set(
        key,
        topologicalOrder(Object.values(outputs)).filter((node) => node.kind === "parameter"),
      );
      const { device, threads } = this.options;
      graph = CompiledGraph.compile(outputs, this.weights.lookup, {
        ...compile,
        ...(device === undefined ? {} : { device }),
        ...(threads === undefined ? {} : { threads }),
      }).catch((error: unknown) => {
        // Not kept: the next call tries again, and `dispose` has nothing to free.
        this.graphs.delete(key);
        throw error;
      });
      this.graphs.set(key, graph);
    }
    const results = await (await graph).run(feeds);
    for (const [name, tensor] of Object.entries(results)) {
      if (!isFinite(tensor)) throw await this.nonFinite(name, key);
    }
    return results;
  }

  /** Options for the graphs over texts alone. */
  get textOptions(): Pick<CompileOptions, "prepack"> {
    return { prepack: this.options.prepackText ?? false };
  }

  /** Frees all compiled graphs. */
  async dispose(): Promise<void> {
    const graphs = [...this.graphs.values()];
    this.graphs.clear();
    await Promise.all(graphs.map(async (graph) => (await graph).dispose()));
  }

  /** Reads the weights of a graph to find the one that spoilt its output: too slow to do before every run. */
  private async nonFinite(output: string, key: string): Promise<InputError> {
    for (const parameter of this.parameters.get(key) ?? []) {
      const values = toFloat32(await readTensor(this.weights.lookup(parameter)));
      if (values.some((value) => !Number.isFinite(value))) {
        return new InputError({
          where: `${parameter.name} in ${this.folder}`,
          expected: "finite weights",
          found: "NaN or infinity",
          mend: "Download the checkpoint again, or save it again from finite weights",
        });
      }
    }
    return new InputError({
      where: `${output} of the model in ${this.folder}`,
      expected: "finite numbers",
      found: "NaN or infinity from finite weights",
      mend: "The weights are too large for float32: check the checkpoint and its config.json",
    });
  }
}

function isFinite({ dtype, data }: HostTensor): boolean {
  if (dtype !== "float32") return true;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false;
  return true;
}

function checkTokenIds({ data }: HostTensor, { text_config: { vocab_size } }: BridgeTowerConfig): void {
  for (const id of data) {
    if (id >= 0 && id < vocab_size) continue;
    throw new InputError({
      where: "input_ids",
      expected: `token ids from 0 to ${vocab_size - 1} (vocab_size ${vocab_size} in config.json)`,
      found: String(id),
      mend: "Use the tokenizer that was published with these weights",
    });
  }
}
