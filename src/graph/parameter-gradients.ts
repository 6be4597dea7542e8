/** Gradients of parameters, in the parts that the graph reads them in. */
import { gradients } from "./gradients.js";
import { add, gather, slice } from "./ops/index.js";
import { elementCount } from "./dtype.js";
import { topologicalOrder, type Operation, type Parameter, type Tensor } from "./tensor.js";

/** The gradient of a run of a parameter's elements, or of rows of a table. */
export interface GradientPart {
  readonly parameter: Parameter;
  readonly gradient: Tensor;
  /** The start of the run; 0 with `rows`. */
  readonly firstElement: number;
  /** int64 […]: `gradient` […, width] is to be added to these rows of a table that is zero elsewhere. */
  readonly rows?: Tensor;
}

/**
 * ∂loss/∂p for each parameter that the loss reads. A parameter that is only read in slices of its first axis, as a fused
 * projection is, gets one part for each slice: the whole is then never put together. A table that is only gathered from gets
 * the rows alone. Parameters that the loss does not read have no part, and elements that no slice reads are in none.
 * @returns in the order in which the forward half first reads the parameters
 * @example
 * import type { Parameter } from "bridgetower/graph";
 * const weight: Parameter = { kind: "parameter", name: "weight", dtype: "float32", shape: [3] };
 * const [part] = parameterGradients(sum(mul(weight, weight), { axes: [0] }), [weight]);
 * console.log(part!.parameter.name, formatType(part!.gradient)); // weight float32[3]
 */
export function parameterGradients(loss: Tensor, parameters: readonly Parameter[]): GradientPart[] {
  const wanted = new Set<Tensor>(parameters);
  const readers = new Map<Parameter, Operation[]>();
  for (const node of topologicalOrder([loss])) {
    if (node.kind !== "operation") continue;
    for (const x of new Set(node.inputs)) {
      if (x.kind === "parameter" && wanted.has(x)) readers.set(x, [...(readers.get(x) ?? []), node]);
    }
  }
  const leaves = [...readers].flatMap(([parameter, nodes]) => partsOf(parameter, nodes));
  const found = gradients(
    loss,
    leaves.flatMap(({ nodes }) => nodes),
  );
  let next = 0;
  return leaves.flatMap(({ parameter, firstElement, nodes, rows }) => {
    const summands = found.slice(next, (next += nodes.length)).filter((gradient) => gradient !== undefined);
    if (summands.length === 0) return [];
    const gradient = summands.reduce((sum, summand) => add(sum, summand));
    return [{ parameter, firstElement, gradient, rows }];
  });
}

/**
 * The tensors that are differentiated for a parameter: all its views of one run of elements, rows gathered from it, or the parameter
 * itself.
 */
interface Leaf {
  readonly parameter: Parameter;
  readonly firstElement: number;
  readonly nodes: readonly Tensor[];
  readonly rows?: Tensor;
}

function partsOf(parameter: Parameter, readers: readonly Operation[]): Leaf[] {
  if (readers.every(({ op, inputs }) => op === gather && inputs[0] === parameter)) {
    return readers.map((node) => ({ parameter, firstElement: 0, nodes: [node], rows: node.inputs[1]! }));
  }
  const runs = new Map<number, { readonly end: number; readonly nodes: Operation[] }>();
  for (const node of readers) {
    const { axis, start } = node.attributes;
    if (node.op !== slice || axis !== 0) return [{ parameter, firstElement: 0, nodes: [parameter] }];
    const first = Number(start) * elementCount(parameter.shape.slice(1));
    const end = first + elementCount(node.shape as readonly number[]);
    const known = runs.get(first);
    if (known?.end === end) known.nodes.push(node);
    else runs.set(first, { end, nodes: [node, ...(known?.nodes ?? [])] });
  }
  const parts = [...runs].sort(([a], [b]) => a - b);
  const overlap = parts.some(([, { end, nodes }], i) => {
    const sizes = new Set(nodes.map((node) => elementCount(node.shape as readonly number[])));
    return sizes.size > 1 || end > (parts[i + 1]?.[0] ?? Infinity);
  });
  return overlap
    ? [{ parameter, firstElement: 0, nodes: [parameter] }]
    : parts.map(([firstElement, { nodes }]) => ({ parameter, firstElement, nodes }));
}
