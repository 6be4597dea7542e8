/** A graph that reads parameters from arrays of the caller and writes their gradients into others, without a copy. */
import { InputError } from "../errors.js";
import type { HostTensor, Input } from "../graph/index.js";
import { toHostTensors, toRuntimeValues } from "./compiled-graph.js";
import type { Lent } from "./session-messages.js";
import type { SessionThread } from "./session-thread.js";

/** Arrays by parameter name, each with a buffer of its own. */
export type Arrays = Map<string, Float32Array<ArrayBuffer>>;

export class TrainingGraph {
  /** @internal Made by `Runtime.compileTraining`. */
  constructor(
    private readonly thread: SessionThread,
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
   * Runs the graph once. Meanwhile the arrays' memory belongs to the thread of the sessions: the maps then hold empty
   * arrays, and afterwards, also after a failure, new ones over the same memory.
   * @param parameters read
   * @param gradients overwritten with the gradients
   * @returns the outputs
   */
  async run(
    feeds: Readonly<Record<string, HostTensor>>,
    parameters: Arrays,
    gradients: Arrays,
  ): Promise<Record<string, HostTensor>> {
    const lent: Lent = { parameters: pick(parameters, this.reads), gradients: pick(gradients, this.writes) };
    const arrays = [...Object.values(lent.parameters), ...Object.values(lent.gradients)];
    const call = { call: "run", session: this.session, feeds: toRuntimeValues(this.inputs, feeds), lent } as const;
    const answer = await this.thread.exchange(
      call,
      arrays.map(({ buffer }) => buffer),
    );
    for (const [name, array] of Object.entries(answer.lent?.parameters ?? {})) parameters.set(name, array);
    for (const [name, array] of Object.entries(answer.lent?.gradients ?? {})) gradients.set(name, array);
    if ("error" in answer) throw new Error(answer.error);
    const named = Object.entries(answer.values).map(([name, value]) => [this.outputs.get(name)!, value] as const);
    return toHostTensors(Object.fromEntries(named));
  }

  /** Frees the session. */
  async dispose(): Promise<void> {
    await this.thread.call({ call: "release", session: this.session });
  }
}

function pick(arrays: Arrays, names: readonly string[]): Record<string, Float32Array<ArrayBuffer>> {
  return Object.fromEntries(
    names.map((name) => {
      const array = arrays.get(name);
      if (array === undefined || array.length === 0 || array.byteLength !== array.buffer.byteLength) {
        throw new InputError({
          code: "invalid-tensor",
          where: name,
          expected: "an array with a buffer of its own",
          found: array === undefined ? "nothing" : "a view of a larger buffer, or one in use",
        });
      }
      return [name, array];
    }),
  );
}
