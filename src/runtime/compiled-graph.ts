/** Graphs compiled and run by ONNX Runtime in Node, with weights used where they lie in the checkpoint's files. */
import { relative, sep } from "node:path";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { InputError } from "../errors.js";
import {
  HostTensor,
  topologicalOrder,
  writeOnnx,
  type ArrayOf,
  type DType,
  type Input,
  type LocatedTensor,
  type Parameter,
  type StoredTensor,
  type Tensor,
} from "../graph/index.js";

/** Execution providers of onnxruntime-node. All but `cpu` need hardware and libraries of their own. */
export const devices = ["cpu", "cuda", "webgpu", "dml", "coreml"] as const;
export type Device = (typeof devices)[number];

export interface CompileOptions {
  /** Default `cpu`. Another device is an error where it cannot start, never a silent fall-back. */
  readonly device?: Device;
  /** Threads of one operator; the number of cores by default. */
  readonly threads?: number;
  /**
   * Keep a packed copy of each weight matrix: costs its size in private memory and the time to pack, saves a third of the
   * time of products with few rows. For a short graph that is run many times, such as a text tower in a server.
   */
  readonly prepack?: boolean;
}

/** Where the bytes of a parameter lie, by its name in the model. */
export type WeightLookup = (parameter: Parameter) => StoredTensor;

/** A graph ready to run. */
export class CompiledGraph {
  private constructor(
    private readonly session: InferenceSession,
    private readonly Tensor: typeof OrtTensor,
    private readonly inputs: readonly Input[],
  ) {}

  /**
   * Compiles the nodes that `outputs` need.
   * @throws InputError when the runtime refuses the weights' files
   */
  static async compile(
    outputs: Readonly<Record<string, Tensor>>,
    weights: WeightLookup,
    options: CompileOptions = {},
  ): Promise<CompiledGraph> {
    // Loaded when first needed: commands that run no model start without it.
    const { env, InferenceSession, Tensor } = await import("onnxruntime-node");
    // What goes wrong is thrown: the runtime's own lines on standard error would say it twice.
    env.logLevel = "fatal";
    const files = new Set<string>();
    const stored = new Map<Parameter, StoredTensor>();
    const lookup = (parameter: Parameter) => {
      const found = weights(parameter);
      stored.set(parameter, found);
      if (!(found.data instanceof Uint8Array)) files.add(found.data.path);
      return found;
    };
    for (const parameter of parametersOf(outputs)) lookup(parameter);
    const folder = commonFolder([...files]);
    const locate = (parameter: Parameter): LocatedTensor => {
      const { dtype, shape, data } = stored.get(parameter)!;
      if (data instanceof Uint8Array) return { dtype, shape, bytes: data };
      const location = relative(folder, data.path).split(sep).join("/");
      return { dtype, shape, bytes: { location, offset: data.offset, length: data.length } };
    };
    const model = writeOnnx(outputs, { locate });
    const allFloat32 = [...stored.values()].every(({ dtype }) => dtype === "float32");
    const device = options.device ?? "cpu";
    const session = await InferenceSession.create(model.bytes, {
      executionProviders: [device],
      ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
      logSeverityLevel: 4,
      enableMemPattern: false,
      // Our graphs run as fast without the runtime's rewrites, which take a fifth of the time to compile
      // (docs/decisions/0008); only the casts of half-precision weights want to be folded.
      graphOptimizationLevel: allFloat32 ? "disabled" : "basic",
      extra: {
        session: {
          model_external_initializers_file_folder_path: folder,
          disable_prepacking: options.prepack === true ? "0" : "1",
          // Towers and fusion are separate sessions: a pool that spins after its run would take the next one's core.
          force_spinning_stop: "1",
        },
      },
    }).catch((cause: unknown) => {
      throw new InputError(
        {
          where: `device ${device}`,
          expected: "a device on which ONNX Runtime can load the model",
          found: `«${cause instanceof Error ? cause.message : String(cause)}»`,
          ...(device === "cpu" ? {} : { mend: "Install what the device needs, or use cpu" }),
        },
        { cause },
      );
    });
    return new CompiledGraph(session, Tensor, model.inputs);
  }

  /**
   * Runs the graph once.
   * @param feeds a value for each input of the graph; others are ignored
   * @returns a value for each output
   * @throws InputError when an input is missing or its shape does not fit
   */
  async run(feeds: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> {
    const values: Record<string, OrtTensor> = {};
    for (const input of this.inputs) values[input.name] = this.toRuntime(input, feeds[input.name]);
    checkNamedSizes(this.inputs, feeds);
    const results = await this.session.run(values);
    return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, toHost(value)]));
  }

  /** Frees the session. */
  async dispose(): Promise<void> {
    await this.session.release();
  }

  private toRuntime(input: Input, value: HostTensor | undefined): OrtTensor {
    const fits =
      value !== undefined &&
      value.dtype === input.dtype &&
      value.shape.length === input.shape.length &&
      input.shape.every((dim, axis) => typeof dim === "string" || dim === value.shape[axis]);
    if (!fits) {
      throw new InputError({
        where: input.name,
        expected: `${input.dtype}[${input.shape.join(", ")}]`,
        found: value === undefined ? "nothing" : `${value.dtype}[${value.shape.join(", ")}]`,
      });
    }
    // The dtypes of graph inputs and outputs are those of which both sides hold the same typed array.
    return new this.Tensor(input.dtype as OrtTensor.Type, value.data as OrtTensor.DataType, value.shape);
  }
}

/** A name stands for one size in all inputs of a run. */
function checkNamedSizes(inputs: readonly Input[], feeds: Readonly<Record<string, HostTensor>>): void {
  const sizes = new Map<string, { readonly size: number; readonly of: string }>();
  for (const { name, shape } of inputs) {
    shape.forEach((dim, axis) => {
      if (typeof dim === "number") return;
      const size = feeds[name]!.shape[axis]!;
      const known = sizes.get(dim);
      if (known !== undefined && known.size !== size) {
        throw new InputError({
          where: name,
          expected: `${dim} ${known.size}, as in ${known.of}`,
          found: `[${feeds[name]!.shape.join(", ")}]`,
        });
      }
      sizes.set(dim, known ?? { size, of: name });
    });
  }
}

function toHost({ type, dims, data }: OrtTensor): HostTensor {
  return new HostTensor(type as DType, dims, data as ArrayOf<DType>);
}

function parametersOf(outputs: Readonly<Record<string, Tensor>>): Parameter[] {
  return topologicalOrder(Object.values(outputs)).filter((node) => node.kind === "parameter");
}

/** The deepest folder that holds all files: ONNX external data must lie below one folder. */
function commonFolder(paths: readonly string[]): string {
  const [first = [], ...others] = paths.map((path) => path.split(sep).slice(0, -1));
  const end = first.findIndex((part, i) => others.some((other) => other[i] !== part));
  return first.slice(0, end === -1 ? undefined : end).join(sep) + sep;
}
