/** Ops that move elements without computing. */
import { broadcastShapes, normalizeAxis, productOf, sameShape } from "../shape.js";
import { defineOp, shapeError, type Dim, type Op, type Tensor } from "../tensor.js";
import { sum } from "./reduce.js";

/** The same elements in row-major order under another shape; dx = dy in the old shape. ONNX `Reshape`, opset 19. */
export const reshape: Op<[x: Tensor, shape: readonly Dim[]]> = defineOp(
  "reshape",
  (x, shape) => (sameShape(x.shape, shape) ? x : [[x], { shape }]),
  {
    type([x], { shape }) {
      if (productOf(x.shape) !== productOf(shape)) {
        throw shapeError("reshape", [x], `as many elements as [${shape.join(", ")}]`);
      }
      return { dtype: x.dtype, shape };
    },
    gradient: ({ inputs: [x], dOutput }) => [reshape(dOutput, x.shape)],
    onnx: ({ emitter, inputs: [x], attributes: { shape } }) =>
      x.kind === "parameter" && isConcrete(shape)
        ? emitter.parameterView(x, { shape, firstElement: 0 })
        : emitter.reshape(emitter.nameOf(x), x.shape, shape),
  },
);

/** Axis i of the result is axis `permutation[i]` of x; dx = dy moved back. ONNX `Transpose`, opset 13. */
export const transpose: Op<[x: Tensor, permutation: readonly number[]]> = defineOp(
  "transpose",
  (x, permutation) => [[x], { permutation }],
  {
    type([x], { permutation }) {
      const sorted = [...permutation].sort((a, b) => a - b);
      if (sorted.length !== x.shape.length || sorted.some((axis, i) => axis !== i)) {
        throw shapeError("transpose", [x], `each of its axes once, not (${permutation.join(", ")})`);
      }
      return { dtype: x.dtype, shape: permutation.map((axis) => x.shape[axis]!) };
    },
    gradient: ({ attributes: { permutation }, dOutput }) => [
      transpose(
        dOutput,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ],
    onnx: ({ emitter, names, attributes: { permutation } }) => emitter.node("Transpose", names, { perm: permutation }),
  },
);

/** x repeated to a shape it broadcasts to; dx is summed back by the reverse walk. ONNX `Expand`, opset 13. */
export const expand: Op<[x: Tensor, shape: readonly Dim[]]> = defineOp(
  "expand",
  (x, shape) => (sameShape(x.shape, shape) ? x : [[x], { shape }]),
  {
    type([x], { shape }) {
      const wide = broadcastShapes(x.shape, shape);
      if (wide === undefined || !sameShape(wide, shape)) {
        throw shapeError("expand", [x], `a shape that broadcasts to [${shape.join(", ")}]`);
      }
      return { dtype: x.dtype, shape };
    },
    gradient: ({ dOutput }) => [dOutput],
    onnx: ({ emitter, names, attributes: { shape } }) => emitter.node("Expand", [...names, emitter.shape(shape)]),
  },
);

/** Entries `start` to `end` (exclusive, counted from the front) of one axis; dx is dy among zeros. ONNX `Slice`, opset 13. */
export const slice: Op<[x: Tensor, range: { readonly axis: number; readonly start: number; readonly end: number }]> =
  defineOp("slice", (x, { axis, start, end }) => [[x], { axis, start, end }], {
    type([x], { axis, start, end }) {
      const size = x.shape[axis];
      const inside = size !== undefined && 0 <= start && start < end && (typeof size === "string" || end <= size);
      if (!inside) throw shapeError("slice", [x], `an axis ${axis} with the entries ${start} to ${end}`);
      return { dtype: x.dtype, shape: x.shape.map((dim, i) => (i === axis ? end - start : dim)) };
    },
    gradient({ inputs: [x], attributes: { axis, start, end }, dOutput }) {
      const size = x.shape[axis];
      if (typeof size !== "number") throw shapeError("slice", [x], "a sliced axis of known size");
      return [pad(dOutput, { axis, before: start, after: size - end })];
    },
    onnx({ emitter, inputs: [x], attributes: { axis, start, end }, output }) {
      if (x.kind === "parameter" && axis === 0 && isConcrete(output.shape)) {
        const row = productOf(x.shape.slice(1));
        if (typeof row === "number") {
          return emitter.parameterView(x, { shape: output.shape, firstElement: start * row });
        }
      }
      return emitter.node("Slice", [
        emitter.nameOf(x),
        emitter.ints([start]),
        emitter.ints([end]),
        emitter.ints([axis]),
      ]);
    },
  });

/** Zeros around the entries of one axis; dx is dy without them. ONNX `Pad`, opset 19. */
export const pad: Op<[x: Tensor, widths: { readonly axis: number; readonly before: number; readonly after: number }]> =
  defineOp("pad", (x, { axis, before, after }) => (before === 0 && after === 0 ? x : [[x], { axis, before, after }]), {
    type([x], { axis, before, after }) {
      const size = x.shape[axis];
      if (typeof size !== "number" || before < 0 || after < 0) {
        throw shapeError("pad", [x], `an axis ${axis} of known size to pad with ${before} and ${after}`);
      }
      return { dtype: x.dtype, shape: x.shape.map((dim, i) => (i === axis ? before + size + after : dim)) };
    },
    gradient({ inputs: [x], attributes: { axis, before }, dOutput }) {
      const size = x.shape[axis] as number; // the type rule has checked it
      return [slice(dOutput, { axis, start: before, end: before + size })];
    },
    onnx: ({ emitter, names, inputs: [x], attributes: { axis, before, after } }) => {
      const pads = [before, after].flatMap((count) => x.shape.map((_, i) => (i === axis ? count : 0)));
      return emitter.node("Pad", [...names, emitter.ints(pads)]);
    },
  });

/** x, then y, … along `axis`; each gets its part of dy. ONNX `Concat`, opset 13. */
export const concat: Op<[tensors: readonly Tensor[], axis: number]> = defineOp(
  "concat",
  (tensors, axis) => [tensors, { axis }],
  {
    type(inputs, { axis }) {
      const [first] = inputs;
      const along = first === undefined ? undefined : normalizeAxis(axis, first.shape.length);
      const fits = (t: Tensor) =>
        t.dtype === first?.dtype &&
        t.shape.length === first.shape.length &&
        t.shape.every((dim, i) => (i === along ? typeof dim === "number" : dim === first.shape[i]));
      if (first === undefined || along === undefined || !inputs.every(fits)) {
        throw shapeError("concat", inputs, `tensors that differ only in the known sizes of axis ${axis}`);
      }
      const size = inputs.reduce((total, t) => total + (t.shape[along] as number), 0);
      return { dtype: first.dtype, shape: first.shape.map((dim, i) => (i === along ? size : dim)) };
    },
    gradient({ inputs, attributes: { axis }, dOutput }) {
      const along = normalizeAxis(axis, dOutput.shape.length)!;
      let start = 0;
      return inputs.map((x) => {
        const end = start + (x.shape[along] as number);
        const part = slice(dOutput, { axis: along, start, end });
        start = end;
        return part;
      });
    },
    onnx: ({ emitter, names, attributes: { axis } }) => emitter.node("Concat", names, { axis }),
  },
);

const isConcrete = (shape: readonly Dim[]): shape is readonly number[] => shape.every((dim) => typeof dim === "number");

/** Sums a gradient of a broadcast operand back to the operand's own shape. */
export function sumTo(gradient: Tensor, shape: readonly Dim[]): Tensor {
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((dim, i) => (i < extra || (shape[i - extra] === 1 && dim !== 1) ? [i] : []));
  return axes.length === 0 ? gradient : reshape(sum(gradient, { axes, keepDims: true }), shape);
}
