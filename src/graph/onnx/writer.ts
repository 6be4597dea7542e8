/**
 * Writes a graph as an ONNX model. Only the nodes that an output needs are visited; a parameter becomes an initializer
 * whose bytes stay in the checkpoint file (ONNX external data), converted by one `Cast` if the file is not float32.
 */
import { InputError } from "../../errors.js";
import { dtypes, elementCount, type DType } from "../dtype.js";
import { sameShape } from "../shape.js";
import { topologicalOrder, type Dim, type Input, type Parameter, type Tensor } from "../tensor.js";
import type { Emitter, OnnxAttribute } from "./emitter.js";
import { graphProto, modelProto, runtimeDomain, type BinaryWriter, type TensorBytes } from "./proto.js";

/** A parameter's element type in its file, and its bytes. */
export interface LocatedTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: TensorBytes;
}

export interface OnnxOptions {
  /** Locates the bytes of a parameter; called once for each parameter that the outputs need. */
  readonly locate: (parameter: Parameter) => LocatedTensor;
}

export interface OnnxModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The inputs that the outputs need. */
  readonly inputs: readonly Input[];
}

/** A run of a parameter's elements that is an input of the model. */
export interface ParameterView {
  readonly input: string;
  readonly parameter: string;
  readonly firstElement: number;
  readonly shape: readonly number[];
}

export interface TrainingModel extends OnnxModel {
  readonly views: readonly ParameterView[];
  /** The name of each output in the ONNX model. */
  readonly outputNames: Readonly<Record<string, string>>;
}

/**
 * The ONNX file of `outputs`, under their keys as output names; inputs keep their names and named dimensions.
 * @example
 * import type { Parameter } from "bridgetower/graph";
 * const x = input("x", "float32", ["batch", 2]);
 * const weight: Parameter = { kind: "parameter", name: "weight", dtype: "float32", shape: [3, 2] };
 * const values = Float32Array.of(1, 2, 3, 4, 5, 6);
 * const { bytes, inputs } = writeOnnx(
 *   { y: linear(x, weight) },
 *   { locate: ({ shape }) => ({ dtype: "float32", shape, bytes: new Uint8Array(values.buffer) }) },
 * );
 * console.log(bytes.length > 0, inputs[0]!.name); // true x
 */
export function writeOnnx(outputs: Readonly<Record<string, Tensor>>, options: OnnxOptions): OnnxModel {
  const order = topologicalOrder(Object.values(outputs));
  const inputs = order.filter((node) => node.kind === "input");
  const bytes = modelProto((writer) => {
    graphProto.name(writer, "bridgetower");
    const emitter = new GraphEmitter(writer, inputs, options.locate);
    for (const node of order) emitter.visit(node);
    for (const node of inputs) graphProto.input(writer, node.name, node);
    for (const [name, tensor] of Object.entries(outputs)) {
      emitter.output(name, tensor);
      graphProto.output(writer, name, tensor);
    }
    return emitter;
  });
  return { bytes, inputs };
}

/**
 * The ONNX model of a graph whose parameters change from run to run: they are inputs, and an output is the very value that a
 * node writes, so that neither is ever copied.
 * @param outputs ONNX Runtime computes the last one first and goes backwards from there; what an output alone needs is
 *   computed when its turn comes
 * @example
 * import type { Parameter } from "bridgetower/graph";
 * const weight: Parameter = { kind: "parameter", name: "weight", dtype: "float32", shape: [3] };
 * const { views } = writeTrainingOnnx({ loss: sum(weight, { axes: [0] }) });
 * console.log(views[0]!.parameter); // weight
 */
export function writeTrainingOnnx(outputs: Readonly<Record<string, Tensor>>): TrainingModel {
  const order = topologicalOrder(Object.values(outputs));
  const inputs = order.filter((node) => node.kind === "input");
  const consumed = new Set(order.flatMap((node) => (node.kind === "operation" ? node.inputs : [])));
  const leaves = new Set(Object.values(outputs).filter((node) => !consumed.has(node)));
  const outputNames: Record<string, string> = {};
  const views: ParameterView[] = [];
  const bytes = modelProto((writer) => {
    graphProto.name(writer, "bridgetower");
    const emitter = new GraphEmitter(writer, inputs, (parameter, view, input) => {
      views.push({ input, parameter: parameter.name, ...view });
      return "input";
    });
    // The runtime starts at the leaf that was written last: each with the reshape that may end it.
    for (const node of order) if (!leaves.has(node)) emitter.visit(node);
    for (const [name, tensor] of Object.entries(outputs)) {
      if (leaves.delete(tensor)) emitter.visit(tensor);
      outputNames[name] = emitter.outputValue(tensor);
      graphProto.output(writer, outputNames[name], tensor);
    }
    for (const node of inputs) graphProto.input(writer, node.name, node);
    for (const { input, shape } of views) graphProto.input(writer, input, { dtype: "float32", shape });
    return emitter;
  });
  return { bytes, inputs, views, outputNames };
}

/** `LayerNormalization_7`, `LayerNormalization_7.1`, … */
const outputNames = (first: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => (i === 0 ? first : `${first}.${i}`));

interface Reshape {
  /** The source of the reshape, which is never a reshape itself. */
  readonly source: string;
  readonly from: readonly Dim[];
  readonly to: readonly Dim[];
  written: boolean;
}

/** The location of a parameter's elements: bytes, or an input that this call has declared. */
type Locate = (parameter: Parameter, view: View, name: string) => LocatedTensor | "input";

interface View {
  readonly shape: readonly number[];
  readonly firstElement: number;
}

class GraphEmitter implements Emitter {
  /** Names of the values of nodes; a parameter gets one when a node first needs it whole. */
  private readonly values = new Map<Tensor, string>();
  /** Names of constants, shapes and parameter views, by their content. */
  private readonly shared = new Map<string, string>();
  private readonly located = new Map<Parameter, LocatedTensor>();
  /** Reshapes by the name of their output; `written` once a node has asked for that very shape. */
  private readonly reshapes = new Map<string, Reshape>();
  private readonly outputValues = new Set<string>();
  /** Whether a node of ONNX Runtime's own was written. */
  runtimeOps = false;
  private nodeCount = 0;

  constructor(
    private readonly writer: BinaryWriter,
    private readonly inputs: readonly Input[],
    private readonly locate: Locate,
  ) {}

  visit(node: Tensor): void {
    if (node.kind === "operation") this.values.set(node, node.emit(this));
  }

  /** Gives a tensor the name of a graph output. */
  output(name: string, tensor: Tensor): void {
    const value = this.nameOf(tensor);
    this.writeReshape(value);
    graphProto.node(this.writer, "Identity", [value], [name], {});
  }

  /** The name of an output's value, which no other output has. */
  outputValue(tensor: Tensor): string {
    const value = this.nameOf(tensor);
    this.writeReshape(value);
    const own = tensor.kind === "operation" && !this.outputValues.has(value);
    const name = own ? value : this.node("Identity", [value]);
    this.outputValues.add(name);
    return name;
  }

  nameOf(tensor: Tensor): string {
    switch (tensor.kind) {
      case "input":
        return tensor.name;
      case "parameter":
        return this.parameterView(tensor, { shape: tensor.shape, firstElement: 0 });
      case "constant": {
        const { dtype, shape, data } = tensor.value;
        return this.constant(dtype, shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      }
      case "operation":
        return this.values.get(tensor)!;
    }
  }

  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    return this.writeNode(op, inputs, attributes);
  }

  runtimeNode(op: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    this.runtimeOps = true;
    return this.writeNode(op, inputs, attributes, { domain: runtimeDomain });
  }

  outputs(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    count: number,
  ): readonly string[] {
    const first = this.share(`${op} ${inputs.join(" ")} ${JSON.stringify(attributes)}`, () =>
      this.writeNode(op, inputs, attributes, { count }),
    );
    return outputNames(first, count);
  }

  private writeNode(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    { domain = "", count = 1 } = {},
  ): string {
    for (const name of inputs) this.writeReshape(name);
    const output = `${op}_${this.nodeCount++}`;
    graphProto.node(this.writer, op, inputs, outputNames(output, count), attributes, domain);
    return output;
  }

  reshape(value: string, from: readonly Dim[], to: readonly Dim[]): string {
    const { source, from: original } = this.reshapes.get(value) ?? { source: value, from };
    if (sameShape(original, to)) return source;
    return this.share(`reshape ${source} ${to.join(",")}`, () => {
      const output = `Reshape_${this.nodeCount++}`;
      this.reshapes.set(output, { source, from: original, to, written: false });
      return output;
    });
  }

  elementwise(op: string, operands: readonly { readonly name: string; readonly shape: readonly Dim[] }[]): string {
    const names = operands.map(({ name }) => name);
    const reshaped = operands.filter(({ shape }) => shape.length > 0).map(({ name }) => this.reshapes.get(name));
    const [first] = reshaped;
    const together = reshaped.every((r) => r && first && sameShape(r.from, first.from) && sameShape(r.to, first.to));
    if (first === undefined || !together) return this.node(op, names);
    const output = this.node(
      op,
      names.map((name) => this.reshapes.get(name)?.source ?? name),
    );
    return this.reshape(output, first.from, first.to);
  }

  /** Writes the node of a reshape whose output is needed. */
  private writeReshape(name: string): void {
    const reshape = this.reshapes.get(name);
    if (reshape === undefined || reshape.written) return;
    reshape.written = true;
    const inputs = [reshape.source, this.reshapeTarget(reshape.from, reshape.to)];
    graphProto.node(this.writer, "Reshape", inputs, [name], {});
  }

  ints(values: number | readonly number[]): string {
    const list = typeof values === "number" ? [values] : values;
    const shape = typeof values === "number" ? [] : [list.length];
    return this.constant("int64", shape, new Uint8Array(BigInt64Array.from(list, BigInt).buffer));
  }

  zero(dtype: DType): string {
    return this.constant(dtype, [], new Uint8Array(dtypes[dtype].bytes));
  }

  shape(dims: readonly Dim[]): string {
    if (dims.every((dim) => typeof dim === "number")) return this.ints(dims);
    return this.share(`shape ${dims.join(",")}`, () => {
      const sizes = dims.map((dim) => (typeof dim === "number" ? this.ints([dim]) : this.size(dim)));
      return sizes.length === 1 ? sizes[0]! : this.node("Concat", sizes, { axis: 0 });
    });
  }

  /** As `shape`, but with ONNX's 0 (size of the same input axis) and −1 (what remains) if they save computing. */
  private reshapeTarget(from: readonly Dim[], to: readonly Dim[]): string {
    const target = to.map((dim, i) => (typeof dim === "number" ? dim : dim === from[i] ? 0 : -1));
    return target.filter((size) => size === -1).length <= 1 ? this.ints(target) : this.shape(to);
  }

  parameterView(parameter: Parameter, view: View): string {
    const whole = sameShape(parameter.shape, view.shape);
    const name = whole ? parameter.name : `${parameter.name}[${view.firstElement}]:${view.shape.join("x")}`;
    return this.share(`parameter ${name}`, () => {
      const located = this.locateOnce(parameter, view, name);
      if (located === "input") return name;
      const { dtype, bytes } = located;
      const first = view.firstElement * dtypes[dtype].bytes;
      const length = elementCount(view.shape) * dtypes[dtype].bytes;
      const part =
        bytes instanceof Uint8Array
          ? bytes.subarray(first, first + length)
          : { location: bytes.location, offset: bytes.offset + first, length };
      graphProto.initializer(this.writer, name, { dtype, shape: view.shape }, part);
      return dtype === "float32" ? name : this.node("Cast", [name], { to: dtypes.float32.onnx });
    });
  }

  private locateOnce(parameter: Parameter, view: View, name: string): LocatedTensor | "input" {
    let found: LocatedTensor | "input" | undefined = this.located.get(parameter);
    if (found === undefined) {
      found = this.locate(parameter, view, name);
      if (found === "input") return found;
      if (!sameShape(found.shape, parameter.shape)) {
        throw new InputError({
          code: "shape-mismatch",
          where: parameter.name,
          expected: `shape [${parameter.shape.join(", ")}]`,
          found: `[${found.shape.join(", ")}]`,
        });
      }
      this.located.set(parameter, found);
    }
    return found;
  }

  /** The size with this name as a one-element tensor: read off an input that has it; a product is multiplied up. */
  private size(name: string): string {
    return this.share(`size ${name}`, () => {
      const [first, ...rest] = name.split("·");
      if (rest.length > 0) {
        return rest.reduce((product, factor) => this.node("Mul", [product, this.size(factor)]), this.size(first!));
      }
      if (/^\d+$/.test(name)) return this.ints([Number(name)]);
      const source = this.inputs.find((input) => input.shape.includes(name));
      if (source === undefined) throw new Error(`no input of the graph has the dimension "${name}"`);
      const axis = source.shape.indexOf(name);
      return this.node("Shape", [source.name], { start: axis, end: axis + 1 });
    });
  }

  private constant(dtype: DType, shape: readonly number[], bytes: Uint8Array): string {
    // Large constants are built once each; only small ones are worth a key made of their bytes.
    const key = bytes.length <= 256 ? `${dtype} ${shape.join("x")} ${bytes.join(",")}` : undefined;
    const write = () => {
      const name = `constant_${this.nodeCount++}`;
      graphProto.initializer(this.writer, name, { dtype, shape }, bytes);
      return name;
    };
    return key === undefined ? write() : this.share(key, write);
  }

  private share(key: string, make: () => string): string {
    const known = this.shared.get(key);
    if (known !== undefined) return known;
    const name = make();
    this.shared.set(key, name);
    return name;
  }
}
