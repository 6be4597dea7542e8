/** A compiled graph: a session of the session worker, and the checks of its inputs. */
import type { Tensor as OrtTensor } from "onnxruntime-node";
import { InputError } from "../errors.js";
import { elementCount, HostTensor, type ArrayOf, type DType, type Input } from "../graph/index.js";
import type { WorkerThread } from "../threads/index.js";
import type { Answer, Call, Reply, Values } from "./session-messages.js";

export type SessionWorker = WorkerThread<Call, Reply>;

export class CompiledGraph {
  /** @internal Made by `Runtime.compile`. */
  constructor(
    private readonly worker: SessionWorker,
    private readonly session: number,
    private readonly inputs: readonly Input[],
  ) {}

  /**
   * Runs the graph once.
   * @param feeds a value for each input of the graph; others are ignored
   * @returns a value for each output
   * @throws InputError when an input is missing, or its shape or its values do not fit
   */
  async run(feeds: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> {
    const values = toRuntimeValues(this.inputs, feeds);
    const answer = await this.worker.exchange({ call: "run", session: this.session, feeds: values }, []);
    return toHostTensors(valuesOf(answer));
  }

  /** Frees the session. */
  async dispose(): Promise<void> {
    valuesOf(await this.worker.exchange({ call: "release", session: this.session }, []));
  }
}

/** The outputs of a run; none for other calls. @throws Error with the message of the worker */
export function valuesOf(answer: Answer): Values {
  if ("error" in answer) throw new Error(answer.error);
  return answer.values;
}

/** The values of all inputs, checked. */
export function toRuntimeValues(inputs: readonly Input[], feeds: Readonly<Record<string, HostTensor>>): Values {
  const values = Object.fromEntries(inputs.map((input) => [input.name, toRuntime(input, feeds[input.name])]));
  checkNamedSizes(inputs, feeds);
  return values;
}

export const toHostTensors = (values: Values): Record<string, HostTensor> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toHost(value)]));

function toRuntime(input: Input, value: HostTensor | undefined): Values[string] {
  const fits =
    value !== undefined &&
    value.dtype === input.dtype &&
    value.shape.length === input.shape.length &&
    input.shape.every((dim, axis) => typeof dim === "string" || dim === value.shape[axis]);
  if (!fits) {
    throw new InputError({
      code: "invalid-tensor",
      where: input.name,
      expected: `${input.dtype}[${input.shape.join(", ")}]`,
      found: value === undefined ? "undefined" : `${value.dtype}[${value.shape.join(", ")}]`,
    });
  }
  if (value.data.length !== elementCount(value.shape)) {
    // The constructor of HostTensor compares them, so the buffer was transferred or resized since.
    throw new InputError({
      code: "invalid-tensor",
      where: input.name,
      expected: `${elementCount(value.shape)} values for [${value.shape.join(", ")}]`,
      found: `${value.data.length}`,
      hint: "Use a copy: its ArrayBuffer was transferred to another thread",
    });
  }
  // A message copies the whole buffer behind a view.
  const data = value.data.byteLength === value.data.buffer.byteLength ? value.data : value.data.slice();
  // ONNX Runtime uses the same typed array for each dtype of a graph's inputs and outputs.
  return { type: input.dtype as OrtTensor.Type, data: data as OrtTensor.DataType, dims: value.shape };
}

function toHost({ type, dims, data }: Values[string]): HostTensor {
  return new HostTensor(type as DType, dims, data as ArrayOf<DType>);
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
          code: "shape-mismatch",
          where: name,
          expected: `${dim} ${known.size}, as in ${known.of}`,
          found: `[${feeds[name]!.shape.join(", ")}]`,
        });
      }
      sizes.set(dim, known ?? { size, of: name });
    });
  }
}
