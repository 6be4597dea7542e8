/** A compiled graph that reads parameters from arrays of the caller and writes their gradients into others, without a copy. */
import { InputError } from "../errors.js";
import type { HostTensor, Input } from "../graph/index.js";
import { toHostTensors, toRuntimeValues, valuesOf, type SessionWorker } from "./compiled-graph.js";
import type { TransferredArrays } from "./session-messages.js";

/** Arrays by parameter name. Each fills its own ArrayBuffer. */
export type Arrays = Map<string, Float32Array<ArrayBuffer>>;

export class TrainingGraph {
  /** @internal Made by `Runtime.compileTraining`. */
  constructor(
    private readonly worker: SessionWorker,
    private readonly session: number,
    private readonly inputs: readonly Input[],
    /** The names of the outputs, by the names that ONNX has for them. */
    private readonly outputs: ReadonlyMap<string, string>,
    /** Parameters that are read. */
    readonly reads: readonly string[],
    /** Parameters whose gradients are written. */
    readonly writes: readonly string[],
  ) {}

  /**
   * Runs the graph once. The arrays' buffers are transferred to the session worker and back: the maps hold empty arrays
   * during the run, and new arrays over the same memory after it, also after a failure.
   * @param parameters read
   * @param gradients overwritten with the gradients
   * @returns the outputs
   * @throws InputError when an input or an array does not fit, or two arrays share a buffer
   */
  async run(
    feeds: Readonly<Record<string, HostTensor>>,
    parameters: Arrays,
    gradients: Arrays,
  ): Promise<Record<string, HostTensor>> {
    const buffers = new Map<ArrayBuffer, string>();
    const arrays: TransferredArrays = {
      parameters: transferable(parameters, this.reads, "parameter", buffers),
      gradients: transferable(gradients, this.writes, "gradient", buffers),
    };
    const call = { call: "run", session: this.session, feeds: toRuntimeValues(this.inputs, feeds), arrays } as const;
    const answer = await this.worker.exchange(call, [...buffers.keys()]);
    for (const [name, array] of Object.entries(answer.arrays?.parameters ?? {})) parameters.set(name, array);
    for (const [name, array] of Object.entries(answer.arrays?.gradients ?? {})) gradients.set(name, array);
    const named = Object.entries(valuesOf(answer)).map(([name, value]) => [this.outputs.get(name)!, value] as const);
    return toHostTensors(Object.fromEntries(named));
  }

  /** Frees the session. */
  async dispose(): Promise<void> {
    valuesOf(await this.worker.exchange({ call: "release", session: this.session }, []));
  }
}

/**
 * The arrays of these names.
 * @param buffers of the arrays so far, with the name of each; the new ones are added
 */
function transferable(
  arrays: Arrays,
  names: readonly string[],
  role: "parameter" | "gradient",
  buffers: Map<ArrayBuffer, string>,
): Record<string, Float32Array<ArrayBuffer>> {
  return Object.fromEntries(
    names.map((name) => {
      const array = arrays.get(name);
      const problem = {
        code: "invalid-tensor",
        where: name,
        expected: "an array that fills its own ArrayBuffer",
      } as const;
      if (array === undefined) throw new InputError({ ...problem, found: "undefined" });
      if (array.length === 0 || array.byteLength !== array.buffer.byteLength) {
        const found = array.length === 0 ? "an empty array, or one in use by another run" : "a view of a larger one";
        throw new InputError({ ...problem, found });
      }
      const other = buffers.get(array.buffer);
      if (other !== undefined) {
        throw new InputError({ ...problem, found: `the ArrayBuffer of ${other}`, hint: "Copy one of the two arrays" });
      }
      buffers.set(array.buffer, `the ${role} ${name}`);
      return [name, array];
    }),
  );
}
