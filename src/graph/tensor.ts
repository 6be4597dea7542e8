/**
 * A symbolic tensor: a node of a graph that is built by calling functions and read backwards from its outputs, so unused nodes never exist.
 * Nodes are immutable. An operation carries functions for its gradient and its ONNX form, which `defineOp` binds to its inputs and
 * attributes.
 */
import { InputError } from "../errors.js";
import type { DType } from "./dtype.js";
import type { HostTensor } from "./host-tensor.js";
import type { Emitter } from "./onnx/emitter.js";

/** A size, or the name of a size that is known when the graph runs, such as `"batch"`. */
export type Dim = number | string;

export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

export type AttributeValue = number | string | boolean | readonly Dim[];
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** A value fed when the graph runs. */
export interface Input extends TensorType {
  readonly kind: "input";
  readonly name: string;
}

/** A weight, under its checkpoint name. */
export interface Parameter extends TensorType {
  readonly kind: "parameter";
  readonly name: string;
  readonly shape: readonly number[];
}

/** A value known when the graph is built. */
export interface Constant extends TensorType {
  readonly kind: "constant";
  readonly value: HostTensor;
}

export interface Operation extends TensorType {
  readonly kind: "operation";
  /** The function that made the node, which identifies the op. Its `name` appears in prints and errors. */
  readonly op: { readonly name: string };
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes;
  /** Gradients of the inputs given that of the output, `undefined` for an input that gets none; absent for an op without gradient. */
  readonly pullback: ((dOutput: Tensor) => readonly (Tensor | undefined)[]) | undefined;
  /** The same op with the same attributes on other inputs of the same types. */
  readonly withInputs: (inputs: readonly Tensor[]) => Operation;
  /** Costs more to compute again than to keep: products with weights, and attention. */
  readonly isExpensive: boolean;
  /** Writes the ONNX nodes and returns the name of the output value. */
  readonly emit: (emitter: Emitter) => string;
}

export type Tensor = Input | Parameter | Constant | Operation;

/**
 * A value that is fed when the graph runs; sizes that are known only then have names.
 * @example
 * console.log(formatType(input("input_ids", "int64", ["batch", "text"]))); // int64[batch, text]
 */
export function input(name: string, dtype: DType, shape: readonly Dim[]): Input {
  return { kind: "input", name, dtype, shape };
}

/**
 * A value that is known when the graph is built.
 * @example
 * console.log(formatType(constant(HostTensor.zeros("int64", [3])))); // int64[3]
 */
export function constant(value: HostTensor): Constant {
  return { kind: "constant", value, dtype: value.dtype, shape: value.shape };
}

/** The rules of an op. */
export interface OpRules<Inputs extends readonly Tensor[], A extends Attributes> {
  /** The output's type, or an error that names the rule which the inputs break. */
  type(inputs: Inputs, attributes: A): TensorType;
  /** Gradients of the inputs, written in ops; they may have the broadcast shape, the walk sums them back. */
  gradient: "none" | ((g: GradientArguments<Inputs, A>) => readonly (Tensor | undefined)[]);
  /** The ONNX nodes of the op; returns the name of the output value. */
  onnx(o: OnnxArguments<Inputs, A>): string;
  /** Whether a backward half that keeps little keeps this. Default false. */
  readonly isExpensive?: boolean;
}

export interface GradientArguments<Inputs extends readonly Tensor[], A extends Attributes> {
  readonly inputs: Inputs;
  readonly attributes: A;
  readonly output: Tensor;
  readonly dOutput: Tensor;
}

export interface OnnxArguments<Inputs extends readonly Tensor[], A extends Attributes> {
  readonly emitter: Emitter;
  /** Value names, one per input. Reading them writes the inputs: a rule that views a parameter in place leaves them alone. */
  readonly names: readonly string[];
  readonly inputs: Inputs;
  readonly attributes: A;
  readonly output: TensorType;
}

/** The function that adds an op to a graph; nodes refer to it as their `op`. */
export type Op<Arguments extends readonly unknown[]> = ((...args: Arguments) => Tensor) & {
  readonly isDifferentiable: boolean;
};

/**
 * Makes the function that adds an op to a graph.
 * @param name name in prints and errors
 * @param read the inputs and attributes that the function's arguments give, or the result if the op would change nothing
 * @example
 * import type { Op, Tensor } from "bridgetower/graph";
 * const abs: Op<[x: Tensor]> = defineOp("abs", (x) => [[x], {}], {
 *   type: ([x]) => x,
 *   gradient: ({ inputs: [x], dOutput }) => [where(less(x, 0), mul(dOutput, -1), dOutput)],
 *   onnx: ({ emitter, names }) => emitter.node("Abs", names),
 * });
 * console.log(formatType(abs(input("x", "float32", [2])))); // float32[2]
 */
export function defineOp<Arguments extends readonly unknown[], const I extends readonly Tensor[], A extends Attributes>(
  name: string,
  read: (...args: Arguments) => Tensor | readonly [inputs: I, attributes: A],
  rules: OpRules<I, A>,
): Op<Arguments> {
  const { gradient, isExpensive = false } = rules;
  const apply = (inputs: I, attributes: A): Operation => {
    const type = rules.type(inputs, attributes);
    const node: Operation = {
      kind: "operation",
      op,
      inputs,
      attributes,
      dtype: type.dtype,
      shape: type.shape,
      isExpensive,
      // Inputs of the same types and number are what the op was given.
      withInputs: (others) => apply(others as unknown as I, attributes),
      pullback: gradient === "none" ? undefined : (dOutput) => gradient({ inputs, attributes, output: node, dOutput }),
      emit: (emitter) =>
        rules.onnx({
          emitter,
          get names() {
            return inputs.map((x) => emitter.nameOf(x));
          },
          inputs,
          attributes,
          output: type,
        }),
    };
    return node;
  };
  const call = (...args: Arguments): Tensor => {
    const found = read(...args);
    return "kind" in found ? found : apply(...found);
  };
  const op = Object.assign(Object.defineProperty(call, "name", { value: name }), {
    isDifferentiable: gradient !== "none",
  });
  return op;
}

export interface CustomGradient {
  /** The composition. */
  readonly output: Tensor;
  /** All that the gradient reads besides `output`; `output` is computed from them. */
  readonly inputs: readonly Tensor[];
  /** Gradients of the inputs, in ops; `undefined` or missing for an input that is read only. */
  readonly gradient: (g: {
    readonly inputs: readonly Tensor[];
    readonly output: Tensor;
    readonly dOutput: Tensor;
  }) => readonly (Tensor | undefined)[];
  readonly isExpensive?: boolean;
}

/**
 * A composition of ops with its own gradient rule, for one that is shorter than the rules of its ops together.
 * @param name printed in place of an op's name
 * @example
 * const x = input("x", "float32", []);
 * const square = withGradient("square", {
 *   output: mul(x, x),
 *   inputs: [x],
 *   gradient: ({ inputs: [x], dOutput }) => [mul(mul(x!, 2), dOutput)],
 * });
 * console.log(square.op.name, formatType(square)); // square float32[]
 */
export function withGradient(
  name: string,
  { output, inputs, gradient, isExpensive = false }: CustomGradient,
): Operation {
  const { dtype, shape } = output;
  return {
    kind: "operation",
    op: { name },
    inputs: [output, ...inputs],
    attributes: {},
    dtype,
    shape,
    isExpensive,
    withInputs: ([other, ...others]) => withGradient(name, { output: other!, inputs: others, gradient, isExpensive }),
    pullback: (dOutput) => [undefined, ...gradient({ inputs, output, dOutput })],
    emit: (emitter) => emitter.nameOf(output),
  };
}

/**
 * A shape rule that was broken while a graph was built, with the op and the names of its inputs.
 * @example
 * const error = shapeError("square", [input("x", "float32", [2, 3])], "a square matrix");
 * console.log(error.message); // square(x): expected a square matrix, found float32[2, 3].
 */
export function shapeError(op: string, inputs: readonly Tensor[], expected: string, hint?: string): InputError {
  return new InputError({
    code: "shape-mismatch",
    where: `${op}(${inputs.map(describe).join(", ")})`,
    expected,
    found: inputs.map(formatType).join(" and "),
    hint,
  });
}

/**
 * `float32[batch, 20, 768]`
 * @example
 * console.log(formatType({ dtype: "float32", shape: ["batch", 20, 768] })); // float32[batch, 20, 768]
 */
export function formatType({ dtype, shape }: TensorType): string {
  return `${dtype}[${shape.join(", ")}]`;
}

function describe(tensor: Tensor): string {
  switch (tensor.kind) {
    case "input":
    case "parameter":
      return tensor.name;
    case "constant":
      return "constant";
    case "operation":
      return tensor.op.name;
  }
}

/**
 * Every node that the outputs need, each after its inputs. Iterative, because a training graph is deeper than a call stack.
 * @example
 * const x = input("x", "float32", [2]);
 * console.log(topologicalOrder([exp(x)]).map(({ kind }) => kind).join()); // input,operation
 */
export function topologicalOrder(outputs: readonly Tensor[]): Tensor[] {
  const order: Tensor[] = [];
  const visited = new Set<Tensor>();
  const stack: { node: Tensor; next: number }[] = [];
  for (const output of outputs) {
    if (!visited.has(output)) {
      visited.add(output);
      stack.push({ node: output, next: 0 });
    }
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const inputs = frame.node.kind === "operation" ? frame.node.inputs : [];
      const child = inputs[frame.next++];
      if (child === undefined) {
        order.push(frame.node);
        stack.pop();
      } else if (!visited.has(child)) {
        visited.add(child);
        stack.push({ node: child, next: 0 });
      }
    }
  }
  return order;
}

/**
 * The weights that the outputs need.
 * @example
 * import type { Parameter } from "bridgetower/graph";
 * const weight: Parameter = { kind: "parameter", name: "weight", dtype: "float32", shape: [3] };
 * console.log(parametersOf({ y: exp(weight) })[0]!.name); // weight
 */
export function parametersOf(outputs: Readonly<Record<string, Tensor>>): Parameter[] {
  return topologicalOrder(Object.values(outputs)).filter((node) => node.kind === "parameter");
}
