/** Compiles and runs graphs with ONNX Runtime in Node, which maps weights into memory from the checkpoint's files. */
import { relative, sep } from "node:path";
import { Worker } from "node:worker_threads";
import type { InferenceSession } from "onnxruntime-node";
import { InputError, missingPackage } from "../errors.js";
import {
  parametersOf,
  writeOnnx,
  writeTrainingOnnx,
  type GradientPart,
  type LocatedTensor,
  type Parameter,
  type StoredTensor,
  type Tensor,
} from "../graph/index.js";
import { WorkerThread } from "../threads/index.js";
import { CompiledGraph, valuesOf, type SessionWorker } from "./compiled-graph.js";
import type { ArrayViews } from "./session-messages.js";
import { TrainingGraph } from "./training-graph.js";

/** Execution providers of onnxruntime-node. All but `cpu` need special hardware and libraries. */
export const devices = ["cpu", "cuda", "webgpu", "dml", "coreml"] as const;
export type Device = (typeof devices)[number];

export interface CompileOptions {
  /** Default `cpu`. A device that cannot start is an error; there is no fallback. */
  readonly device?: Device | undefined;
  /** Threads of one operator; the number of cores by default. */
  readonly threads?: number | undefined;
  /**
   * Keep a packed copy of each weight matrix: takes as much private memory as the weights and time to pack, and saves a third
   * of the time of products with few rows. For a short graph that runs many times, such as a text tower in a server.
   */
  readonly prepack?: boolean | undefined;
}

export interface TrainingOptions extends Pick<CompileOptions, "device" | "threads"> {
  /** Prefix of the name of a file that ONNX Runtime writes when the graph is freed: the time of every node of every run. */
  readonly profile?: string | undefined;
}

/** Locates the bytes of a parameter by its name in the model. */
export type WeightLookup = (parameter: Parameter) => StoredTensor;

/**
 * ONNX Runtime 1.30 reports its use over the network, and matches the process's command line against regular expressions
 * that overflow the stack on a long text. It reads this variable from the process, so only the process can set it.
 */
function startWorker(): Worker {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
  return new Worker(new URL("./session-worker.js", import.meta.url), { execArgv: [] });
}

/** A session worker, which compiles and runs graphs one after another. It starts at once and ends with `dispose` or the process. */
export class Runtime {
  private readonly worker: SessionWorker = new WorkerThread(startWorker(), "the session worker");
  private sessions = 0;

  constructor() {
    // A process that ends while the worker loads native code would abort: a pending call keeps the process alive.
    this.worker.exchange({ call: "load" }, []).catch(() => undefined);
  }

  /**
   * Compiles the nodes that `outputs` need.
   * @throws InputError when the runtime refuses the device or the weights' files
   */
  async compile(
    outputs: Readonly<Record<string, Tensor>>,
    weights: WeightLookup,
    { device = "cpu", threads, prepack = false }: CompileOptions = {},
  ): Promise<CompiledGraph> {
    const stored = new Map(parametersOf(outputs).map((parameter) => [parameter, weights(parameter)]));
    const folder = commonFolder(stored.values());
    const model = writeOnnx(outputs, { locate: (parameter) => located(stored.get(parameter)!, folder) });
    const allFloat32 = [...stored.values()].every(({ dtype }) => dtype === "float32");
    const session = await this.create(
      model.bytes,
      { device, threads },
      {
        // Our graphs run as fast without the runtime's rewrites, which take a fifth of the time to compile
        // (docs/decisions/0008). Only the casts of half-precision weights have to be folded.
        graphOptimizationLevel: allFloat32 ? "disabled" : "basic",
        session: {
          model_external_initializers_file_folder_path: folder,
          disable_prepacking: prepack ? "0" : "1",
        },
      },
    );
    return new CompiledGraph(this.worker, session, model.inputs);
  }

  /**
   * Compiles a graph whose parameters change from run to run.
   * @param outputs returned by each run
   * @param gradients written into arrays by each run; the runtime starts with the last
   */
  async compileTraining(
    outputs: Readonly<Record<string, Tensor>>,
    gradients: readonly GradientPart[],
    { device = "cpu", threads, profile }: TrainingOptions = {},
  ): Promise<TrainingGraph> {
    const parts = gradients.map((part, i) => ({ ...part, key: `∂${i}`, rowsKey: `rows ${i}` }));
    const model = writeTrainingOnnx({
      ...Object.fromEntries(
        parts.flatMap(({ key, gradient, rowsKey, rows }) => [
          [key, gradient],
          ...(rows === undefined ? [] : [[rowsKey, rows] as const]),
        ]),
      ),
      ...outputs,
    });
    const nameOf = (key: string) => model.outputNames[key]!;
    const views: ArrayViews = {
      parameters: model.views.map(({ input, parameter, firstElement, shape }) => ({
        name: input,
        array: parameter,
        firstElement,
        dims: shape,
      })),
      gradients: parts
        .filter(({ rows }) => rows === undefined)
        .map(({ key, parameter, firstElement, gradient }) => ({
          name: nameOf(key),
          array: parameter.name,
          firstElement,
          dims: gradient.shape as readonly number[],
        })),
      rows: parts
        .filter(({ rows }) => rows !== undefined)
        .map(({ key, rowsKey, parameter }) => ({
          array: parameter.name,
          values: nameOf(key),
          rows: nameOf(rowsKey),
        })),
    };
    const session = await this.create(
      model.bytes,
      { device, threads },
      {
        // The arena keeps half as much again as a step needs at its peak (docs/decisions/0014).
        enableCpuMemArena: false,
        ...(profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile }),
        // Merging equal nodes would undo recomputation and change the order of execution.
        graphOptimizationLevel: "disabled",
      },
      views,
    );
    const names = (parts: readonly { readonly array: string }[]) => [...new Set(parts.map(({ array }) => array))];
    const outputNames = new Map(Object.keys(outputs).map((name) => [nameOf(name), name]));
    const written = names([...views.gradients, ...views.rows]);
    return new TrainingGraph(this.worker, session, model.inputs, outputNames, names(views.parameters), written);
  }

  /** A new session. @throws InputError with the runtime's reason if it refuses the device or the model */
  private async create(
    model: Uint8Array<ArrayBuffer>,
    { device, threads }: { readonly device: Device; readonly threads: number | undefined },
    { session: config, ...settings }: InferenceSession.SessionOptions & { readonly session?: Record<string, string> },
    views?: ArrayViews,
  ): Promise<number> {
    const session = this.sessions++;
    const options: InferenceSession.SessionOptions = {
      ...settings,
      executionProviders: [device],
      // 0 is ONNX Runtime's default: a thread for each core.
      intraOpNumThreads: threads ?? 0,
      logSeverityLevel: 4,
      enableMemPattern: false,
      // Towers, fusion and steps are separate sessions: a pool that spins after its run would take the cores of the next.
      extra: { session: { ...config, force_spinning_stop: "1" } },
    };
    const call = { call: "compile", session, model, options, views } as const;
    const created = this.worker.exchange(call, [model.buffer]).then(valuesOf);
    await created.catch((cause: unknown) => {
      if (cause instanceof InputError) throw cause;
      throw (
        missingRuntime(cause) ??
        new InputError(
          {
            code: "runtime-failed",
            where: `device ${device}`,
            expected: "a device on which ONNX Runtime can load the model",
            found: `«${cause instanceof Error ? cause.message : String(cause)}»`,
            hint: device === "cpu" ? undefined : "Install what the device needs, or use cpu",
          },
          { cause },
        )
      );
    });
    return session;
  }

  /** Frees all graphs and ends the worker; pending calls fail. */
  dispose(): Promise<void> {
    return this.worker.end(
      new InputError({
        code: "disposed",
        where: "model",
        expected: "an open model",
        found: "a model that was disposed of",
        hint: "Call dispose() after the last call, or load the model again",
      }),
    );
  }
}

/** A worker file that a bundle lacks, or ONNX Runtime that is not installed. */
function missingRuntime(cause: unknown): InputError | undefined {
  const message = cause instanceof Error ? cause.message : "";
  if (!/Cannot find module .*session-worker\.js/.test(message)) return missingPackage("onnxruntime-node", cause);
  return new InputError(
    {
      code: "runtime-failed",
      where: "session-worker.js",
      expected: "the worker file of this package beside the file that loads it",
      found: "a bundle without it",
      hint: "Bundle bridgetower/session-worker as an entry of its own, or keep bridgetower external",
    },
    { cause },
  );
}

function located({ dtype, shape, data }: StoredTensor, folder: string): LocatedTensor {
  if (data instanceof Uint8Array) return { dtype, shape, bytes: data };
  const location = relative(folder, data.path).split(sep).join("/");
  return { dtype, shape, bytes: { location, offset: data.offset, length: data.length } };
}

/** The deepest folder that holds all files: ONNX external data must be in one folder. */
function commonFolder(tensors: Iterable<StoredTensor>): string {
  const paths = new Set([...tensors].flatMap(({ data }) => (data instanceof Uint8Array ? [] : [data.path])));
  const [first = [], ...others] = [...paths].map((path) => path.split(sep).slice(0, -1));
  const end = first.findIndex((part, i) => others.some((other) => other[i] !== part));
  return first.slice(0, end === -1 ? undefined : end).join(sep) + sep;
}
