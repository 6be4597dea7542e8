/** Ops that combine the elements along axes. */
import { HostTensor } from "../host-tensor.js";
import type { Emitter } from "../onnx/emitter.js";
import { normalizeAxis } from "../shape.js";
import { constant, defineOp, shapeError, type Op, type Tensor, type TensorType } from "../tensor.js";
import { exp, mul, sub } from "./elementwise.js";
import { matmul } from "./matmul.js";
import { expand, reshape } from "./movement.js";

type One = readonly [Tensor];
type Axes = { readonly axes: readonly number[]; readonly keepDims: boolean };

function reduced(op: string, [x]: One, { axes, keepDims }: Axes): TensorType {
  const dropped = axes.map((axis) => normalizeAxis(axis, x.shape.length));
  if (x.dtype !== "float32" || dropped.includes(undefined) || new Set(dropped).size !== dropped.length) {
    throw shapeError(op, [x], `float32 with the distinct axes ${axes.join(", ")}`);
  }
  const shape = keepDims
    ? x.shape.map((dim, i) => (dropped.includes(i) ? 1 : dim))
    : x.shape.filter((_, i) => !dropped.includes(i));
  return { dtype: x.dtype, shape };
}

function alongAxis(op: string, [x]: One, axis: number): TensorType {
  if (x.dtype !== "float32" || normalizeAxis(axis, x.shape.length) === undefined) {
    throw shapeError(op, [x], `float32 with an axis ${axis}`);
  }
  return x;
}

export interface ReduceOptions {
  readonly axes: readonly number[];
  /** Leave the reduced axes in place with size 1 (default false). */
  readonly keepDims?: boolean;
}

export type ReductionOp = Op<[x: Tensor, options: ReduceOptions]>;

/** The op of an ONNX reduction goes by the operator's name: `ReduceSum` is `sum`. */
function reduction(
  operator: string,
  gradient: (x: Tensor, axes: readonly number[], dy: Tensor) => Tensor,
): ReductionOp {
  const op = operator[6]!.toLowerCase() + operator.slice(7);
  return defineOp(op, (x, { axes, keepDims = false }) => [[x], { axes, keepDims }], {
    type: (inputs, attributes) => reduced(op, inputs, attributes),
    gradient({ inputs: [x], attributes: { axes, keepDims }, dOutput }) {
      const kept = reduced(op, [x], { axes, keepDims: true });
      return [gradient(x, axes, keepDims ? dOutput : reshape(dOutput, kept.shape))];
    },
    onnx: ({ emitter, names, attributes }) =>
      emitter.node(operator, [...names, emitter.ints(attributes.axes)], {
        keepdims: attributes.keepDims ? 1 : 0,
        // Without it ONNX reduces over all axes if none is named.
        noop_with_empty_axes: 1,
      }),
  });
}

/** y = Σ x; dx = dy spread over the axes. ONNX `ReduceSum`, opset 13. */
export const sum: ReductionOp = reduction("ReduceSum", (x, _axes, dy) => expand(dy, x.shape));

/** y = log Σ eˣ, computed without overflow; dx = softmax(x) · dy. ONNX `ReduceLogSumExp`, opset 18. */
export const logSumExp: ReductionOp = reduction("ReduceLogSumExp", (x, axes, dy) =>
  mul(exp(sub(x, logSumExp(x, { axes, keepDims: true }))), dy),
);

/** y = eˣ / Σ eˣ along `axis`; dx = y ⊙ (dy − Σ y ⊙ dy). ONNX `Softmax`, opset 13. */
export const softmax: Op<[x: Tensor, axis: number]> = defineOp("softmax", (x, axis) => [[x], { axis }], {
  type: (inputs, { axis }) => alongAxis("softmax", inputs, axis),
  gradient: ({ output: y, dOutput: dy, attributes: { axis } }) => [
    mul(y, sub(dy, sum(mul(y, dy), { axes: [axis], keepDims: true }))),
  ],
  onnx: ({ emitter, names, attributes: { axis } }) => emitter.node("Softmax", names, { axis }),
});

/**
 * y = (x − mean) / √(var + ε) · w + b over the last axis, var biased; with x̂ the normalised x and g = w dy,
 * dx = (g − mean(g) − x̂ mean(g x̂)) / √(var + ε), dw = Σ dy x̂, db = Σ dy. ONNX `LayerNormalization`, opset 17.
 */
export const layerNormalization: Op<[x: Tensor, weight: Tensor, bias: Tensor, epsilon: number]> = defineOp(
  "layerNormalization",
  (x, weight, bias, epsilon) => [[x, weight, bias], { epsilon }],
  {
    type([x, weight, bias]) {
      const width = x.shape.at(-1);
      const fits = (t: Tensor) => t.dtype === "float32" && t.shape.length === 1 && t.shape[0] === width;
      if (x.dtype !== "float32" || !fits(weight) || !fits(bias)) {
        throw shapeError("layerNormalization", [x, weight, bias], "float32 with weight and bias of its last axis");
      }
      return x;
    },
    gradient({ inputs: [tensor, weight], dOutput, attributes: { epsilon } }) {
      const width = tensor.shape.at(-1);
      if (typeof width !== "number") throw shapeError("layerNormalization", [tensor], "a last axis of known size");
      // A single row is one of a matrix, as products want it.
      const rows = [...(tensor.shape.length < 2 ? [1] : []), ...tensor.shape];
      const [x, dy] = [reshape(tensor, rows), reshape(dOutput, rows)];
      const normalized = standardize(x, epsilon);
      const scaled = mul(dy, normalized);
      // mean(g) and mean(g x̂) as products with a column: one pass over values that exist already.
      const column = reshape(mul(weight, 1 / width), [width, 1]);
      const inner = sub(sub(mul(dy, weight), matmul(dy, column)), mul(normalized, matmul(scaled, column)));
      return [reshape(mul(inner, inverseStd(x, epsilon)), tensor.shape), scaled, dy];
    },
    onnx: ({ emitter, names, attributes: { epsilon } }) =>
      emitter.node("LayerNormalization", names, { axis: -1, epsilon: { float: epsilon } }),
  },
);

/** y = (x − mean) / √(var + ε) over the last axis, var biased. ONNX `LayerNormalization`, opset 17. */
export const standardize: Op<[x: Tensor, epsilon: number]> = defineOp(
  "standardize",
  (x, epsilon) => [[x], { epsilon }],
  {
    type: (inputs) => alongAxis("standardize", inputs, -1),
    gradient: "none",
    onnx: ({ emitter, names: [x], inputs: [tensor], attributes: { epsilon } }) =>
      statistics(emitter, x!, tensor, epsilon)[0]!,
  },
);

/** y = 1 / √(var + ε) over the last axis, var biased: [..., width] -> [..., 1]. ONNX `LayerNormalization`, third output. */
export const inverseStd: Op<[x: Tensor, epsilon: number]> = defineOp("inverseStd", (x, epsilon) => [[x], { epsilon }], {
  type(inputs) {
    const { shape } = alongAxis("inverseStd", inputs, -1);
    return { dtype: "float32", shape: [...shape.slice(0, -1), 1] };
  },
  gradient: "none",
  onnx: ({ emitter, names: [x], inputs: [tensor], attributes: { epsilon } }) =>
    statistics(emitter, x!, tensor, epsilon)[2]!,
});

/** Index of the largest entry along `axis`, the first of equal ones. ONNX `ArgMax`, opset 13. */
export const argMax: Op<[x: Tensor, axis: number]> = defineOp("argMax", (x, axis) => [[x], { axis }], {
  type(inputs, { axis }) {
    const { shape } = alongAxis("argMax", inputs, axis);
    return { dtype: "int64", shape: shape.filter((_, i) => i !== normalizeAxis(axis, shape.length)) };
  },
  gradient: "none",
  onnx: ({ emitter, names, attributes: { axis } }) => emitter.node("ArgMax", names, { axis, keepdims: 0 }),
});

/** y[t] = x[0] + … + x[t] along `axis`. ONNX `CumSum`, opset 14. */
export const cumulativeSum: Op<[x: Tensor, axis: number]> = defineOp("cumulativeSum", (x, axis) => [[x], { axis }], {
  type([x], { axis }) {
    if (normalizeAxis(axis, x.shape.length) === undefined) throw shapeError("cumulativeSum", [x], `an axis ${axis}`);
    return x;
  },
  gradient: "none",
  onnx: ({ emitter, names, attributes: { axis } }) => emitter.node("CumSum", [...names, emitter.ints(axis)]),
});

/** The standardized tensor, its mean and 1 / √(var + ε): three outputs of one node. */
function statistics(emitter: Emitter, x: string, { shape }: Tensor, epsilon: number): readonly string[] {
  const width = shape.at(-1) as number;
  const ones = constant(new HostTensor("float32", [width], new Float32Array(width).fill(1)));
  const attributes = { axis: -1, epsilon: { float: epsilon } };
  return emitter.outputs("LayerNormalization", [x, emitter.nameOf(ones)], attributes, 3);
}
