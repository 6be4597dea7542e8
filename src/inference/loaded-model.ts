/** A checkpoint that is open: its config, its weights by reference, and the graphs compiled so far. */
import { fileURLToPath } from "node:url";
import { readTensor, resolveModel, type Checkpoint, type HubOptions } from "../checkpoint/index.js";
import { InputError } from "../errors.js";
import { parametersOf, toFloat32, type HostTensor, type Parameter } from "../graph/index.js";
import { parameterList, type BridgeTowerConfig, type Head, type Outputs } from "../model/index.js";
import { Runtime, type CompiledGraph, type CompileOptions, type Device, type WeightLookup } from "../runtime/index.js";
import { openModelFolder } from "./model-folder.js";
import { bindWeights, headsIn } from "./weights.js";

/** The checkpoint that the package carries, for use without a name. */
export const defaultModel: string = fileURLToPath(new URL("../../models/emoji", import.meta.url));

export interface LoadOptions extends HubOptions {
  /** Default `cpu`. */
  readonly device?: Device;
  /** Threads of one operator; the number of cores by default. */
  readonly threads?: number;
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
  // The thread starts while the files are read.
  const runtime = new Runtime();
  try {
    const folder = await resolveModel(idOrFolder, options);
    const { config, checkpoint } = await openModelFolder(folder);
    const { surplus, lookup } = bindWeights(checkpoint, config, heads);
    if (surplus.length > 0) {
      options.onWarning?.(`${checkpoint.source}: ignored ${surplus.length} unknown names, such as ${surplus[0]!}`);
    }
    return new LoadedModel(folder, config, checkpoint, lookup, runtime, options);
  } catch (error) {
    await runtime.dispose();
    throw error;
  }
}

export class LoadedModel {
  private readonly graphs = new Map<string, Promise<CompiledGraph>>();
  private readonly parameters = new Map<string, readonly Parameter[]>();

  constructor(
    readonly folder: string,
    readonly config: BridgeTowerConfig,
    private readonly checkpoint: Checkpoint,
    private readonly weights: WeightLookup,
    private readonly runtime: Runtime,
    private readonly options: LoadOptions,
  ) {}

  /** @throws InputError naming the parameters of a head that the checkpoint lacks */
  requireHead(head: Head): void {
    bindWeights(this.checkpoint, this.config, [head]);
  }

  /** The heads of which the checkpoint holds every parameter. */
  get heads(): readonly Head[] {
    return headsIn(this.checkpoint, this.config);
  }

  /** The value of a parameter without axes that belongs to a head, which the checkpoint has. */
  async scalar(head: Head, name: string): Promise<number> {
    const parameter = parameterList(this.config, [head]).used.find((one) => one.name === name)!;
    return toFloat32(await readTensor(this.weights(parameter)))[0]!;
  }

  /** Starts to build and compile the graph called `key`, unless it is there; what fails is told when it is run. */
  prepare(key: string, build: () => Outputs, options: Pick<CompileOptions, "prepack"> = {}): void {
    this.graph(key, build, options).catch(() => undefined);
  }

  /**
   * Runs the graph called `key`, built and compiled at its first use.
   * @throws InputError when an input does not fit, a token id is beyond the vocabulary, or an output is not finite
   */
  async run(
    key: string,
    build: () => Outputs,
    feeds: Readonly<Record<string, HostTensor>>,
    options: Pick<CompileOptions, "prepack"> = {},
  ): Promise<Record<string, HostTensor>> {
    if (feeds.input_ids !== undefined) checkTokenIds(feeds.input_ids, this.config);
    const graph = await this.graph(key, build, options);
    const results = await graph.run(feeds);
    for (const [name, tensor] of Object.entries(results)) {
      if (!isFinite(tensor)) throw await this.nonFinite(name, key);
    }
    return results;
  }

  private graph(key: string, build: () => Outputs, options: Pick<CompileOptions, "prepack">): Promise<CompiledGraph> {
    const known = this.graphs.get(key);
    if (known !== undefined) return known;
    const outputs = build();
    const parameters = parametersOf(outputs);
    this.parameters.set(key, parameters);
    const { device, threads } = this.options;
    const compiled = this.runtime.compile(outputs, this.weights, { ...options, device, threads });
    const graph = Promise.all([compiled, this.checkPoolers(parameters)]).then(([done]) => done);
    this.graphs.set(key, graph);
    // What failed is not kept: the next call tries again.
    graph.catch(() => this.graphs.delete(key));
    return graph;
  }

  /** Frees all compiled graphs. */
  dispose(): Promise<void> {
    return this.runtime.dispose();
  }

  /** tanh turns the infinity of a pooler into ±1, so that no output would tell of it. */
  private async checkPoolers(parameters: readonly Parameter[]): Promise<void> {
    const problem = await this.firstNonFinite(parameters.filter(({ name }) => /_pooler\.dense\./.test(name)));
    if (problem !== undefined) throw problem;
  }

  private async firstNonFinite(parameters: readonly Parameter[]): Promise<InputError | undefined> {
    for (const parameter of parameters) {
      const values = toFloat32(await readTensor(this.weights(parameter)));
      if (values.every((value) => Number.isFinite(value))) continue;
      return new InputError({
        code: "non-finite-values",
        where: `${parameter.name} in ${this.folder}`,
        expected: "finite weights",
        found: "NaN or infinity",
        hint: "Download the checkpoint again, or save it again from finite weights",
      });
    }
    return undefined;
  }

  /** Reads the weights of a graph to find the one that spoilt its output: too slow to do before every run. */
  private async nonFinite(output: string, key: string): Promise<InputError> {
    const weight = await this.firstNonFinite(this.parameters.get(key) ?? []);
    if (weight !== undefined) return weight;
    return new InputError({
      code: "non-finite-values",
      where: `${output} of the model in ${this.folder}`,
      expected: "finite numbers",
      found: "NaN or infinity from finite weights",
      hint: "The weights are too large for float32: check the checkpoint and its config.json",
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
      code: "invalid-tensor",
      where: "input_ids",
      expected: `token ids from 0 to ${vocab_size - 1} (vocab_size ${vocab_size} in config.json)`,
      found: String(id),
      hint: "Use the tokenizer that was published with these weights",
    });
  }
}
