/** Ops that work on each element alone; two operands broadcast as in NumPy. */
import type { DType } from "../dtype.js";
import { dtypes } from "../dtype.js";
import { HostTensor } from "../host-tensor.js";
import { broadcastShapes, sameShape } from "../shape.js";
import {
  constant,
  defineOp,
  shapeError,
  type Attributes,
  type OnnxArguments,
  type Op,
  type Tensor,
  type TensorType,
} from "../tensor.js";

/** A float32 scalar. */
export const scalar = (value: number): Tensor => constant(new HostTensor("float32", [], new Float32Array([value])));

/** A tensor, or a number for a float32 scalar. */
export type Operand = Tensor | number;
const tensorOf = (x: Operand): Tensor => (typeof x === "number" ? scalar(x) : x);

export type UnaryOp = Op<[x: Tensor]>;
export type BinaryOp = Op<[a: Operand, b: Operand]>;

function broadcast(op: string, [a, b]: readonly [Tensor, Tensor]): TensorType {
  const shape = broadcastShapes(a.shape, b.shape);
  if (shape === undefined) throw shapeError(op, [a, b], "shapes that broadcast");
  if (a.dtype !== b.dtype) throw shapeError(op, [a, b], "operands of one type");
  return { dtype: a.dtype, shape };
}

/** An ONNX operator without attributes that works on each element alone. */
const elementwise = (
  operator: string,
  { emitter, names, inputs }: OnnxArguments<readonly Tensor[], Attributes>,
): string =>
  emitter.elementwise(
    operator,
    inputs.map(({ shape }, i) => ({ name: names[i]!, shape })),
  );

/** The op of an ONNX operator goes by the operator's name: `Exp` is `exp`. */
const nameOf = (operator: string) => operator[0]!.toLowerCase() + operator.slice(1);

function unary(operator: string, gradient: (x: Tensor, y: Tensor, dy: Tensor) => Tensor): UnaryOp {
  const name = nameOf(operator);
  return defineOp(name, (x) => [[x], {}], {
    type([x]) {
      if (x.dtype !== "float32") throw shapeError(name, [x], "float32");
      return x;
    },
    gradient: ({ inputs: [x], output: y, dOutput: dy }) => [gradient(x, y, dy)],
    onnx: (o) => elementwise(operator, o),
  });
}

function binary(
  operator: string,
  gradient: (g: { a: Tensor; b: Tensor; y: Tensor; dy: Tensor }) => readonly [Tensor, Tensor],
  name = nameOf(operator),
): BinaryOp {
  return defineOp(name, (a, b) => [[tensorOf(a), tensorOf(b)], {}], {
    type: (inputs) => broadcast(name, inputs),
    gradient: ({ inputs: [a, b], output: y, dOutput: dy }) => gradient({ a, b, y, dy }),
    onnx: (o) => elementwise(operator, o),
  });
}

function comparison(operator: string): BinaryOp {
  const name = nameOf(operator);
  return defineOp(name, (a, b) => [[tensorOf(a), tensorOf(b)], {}], {
    type: (inputs) => ({ dtype: "bool", shape: broadcast(name, inputs).shape }),
    gradient: "none",
    onnx: (o) => elementwise(operator, o),
  });
}

/** y = a + b. ONNX `Add`, opset 14. */
export const add: BinaryOp = binary("Add", ({ dy }) => [dy, dy]);
/** y = a − b. ONNX `Sub`, opset 14. */
export const sub: BinaryOp = binary("Sub", ({ dy }) => [dy, mul(dy, -1)]);
/** y = a · b. ONNX `Mul`, opset 14. */
export const mul: BinaryOp = binary("Mul", ({ a, b, dy }) => [mul(dy, b), mul(dy, a)]);
/** y = a / b; da = dy / b, db = −(dy / b) · y, without b², which underflows early. ONNX `Div`, opset 14. */
export const div: BinaryOp = binary("Div", ({ b, y, dy }) => {
  const da = div(dy, b);
  return [da, mul(mul(da, -1), y)];
});
/** y = max(a, b); the gradient is that of the larger operand, of `a` if they are equal. ONNX `Max`, opset 13. */
export const maximum: BinaryOp = binary(
  "Max",
  ({ a, b, dy }) => [where(less(a, b), 0, dy), where(less(a, b), dy, 0)],
  "maximum",
);
/** y = eˣ; dx = y · dy. ONNX `Exp`, opset 13. */
export const exp: UnaryOp = unary("Exp", (_x, y, dy) => mul(y, dy));
/** y = ln x; dx = dy / x. ONNX `Log`, opset 13. */
export const log: UnaryOp = unary("Log", (x, _y, dy) => div(dy, x));
/** y = √x; dx = dy / 2y. ONNX `Sqrt`, opset 13. */
export const sqrt: UnaryOp = unary("Sqrt", (_x, y, dy) => div(dy, mul(y, 2)));
/** y = tanh x; dx = (1 − y²) · dy. ONNX `Tanh`, opset 13. */
export const tanh: UnaryOp = unary("Tanh", (_x, y, dy) => mul(sub(1, mul(y, y)), dy));
/** y = 1 / (1 + e⁻ˣ); dx = y (1 − y) · dy. ONNX `Sigmoid`, opset 13. */
export const sigmoid: UnaryOp = unary("Sigmoid", (_x, y, dy) => mul(mul(y, sub(1, y)), dy));
/** y = max(x, 0); dx = dy where x > 0. ONNX `Relu`, opset 14. */
export const relu: UnaryOp = unary("Relu", (x, _y, dy) => where(less(0, x), dy, 0));
/** y = 2/√π ∫₀ˣ e^(−t²) dt; dx = 2/√π · e^(−x²) · dy. ONNX `Erf`, opset 13. */
export const erf: UnaryOp = unary("Erf", (x, _y, dy) => mul(mul(exp(mul(mul(x, x), -1)), 2 / Math.sqrt(Math.PI)), dy));
/** y = x · Φ(x), Φ the normal distribution; dx = (Φ(x) + x φ(x)) · dy. ONNX `Gelu`, opset 20. */
export const gelu: UnaryOp = unary("Gelu", (x, _y, dy) => {
  const cumulative = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
  const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return mul(add(cumulative, mul(x, density)), dy);
});
/** y = a < b. ONNX `Less`, opset 13. */
export const less: BinaryOp = comparison("Less");
/** y = (a = b). ONNX `Equal`, opset 19. */
export const equal: BinaryOp = comparison("Equal");

/** y = a where the condition holds, b elsewhere. ONNX `Where`, opset 16. */
export const where: Op<[condition: Tensor, a: Operand, b: Operand]> = defineOp(
  "where",
  (condition, a, b) => [[condition, tensorOf(a), tensorOf(b)], {}],
  {
    type([condition, a, b]) {
      const values = broadcast("where", [a, b]);
      const shape = broadcastShapes(condition.shape, values.shape);
      if (condition.dtype !== "bool" || shape === undefined) {
        throw shapeError("where", [condition, a, b], "a bool condition that broadcasts with the values");
      }
      return { dtype: values.dtype, shape };
    },
    gradient: ({ inputs: [condition], dOutput: dy }) => [undefined, where(condition, dy, 0), where(condition, 0, dy)],
    onnx: ({ emitter, names }) => emitter.node("Where", names),
  },
);

/**
 * y = 0 where byte < dropped, x · 256 / (256 − dropped) elsewhere: dropout of `dropped` in 256 elements by uniformly random
 * bytes; dx = dy dropped by the same bytes. ONNX `Less` and `Where`.
 */
export const dropoutMask: Op<[x: Tensor, bytes: Tensor, dropped: number]> = defineOp(
  "dropoutMask",
  (x, bytes, dropped) => [[x, bytes], { dropped }],
  {
    type([x, bytes], { dropped }) {
      if (x.dtype !== "float32" || bytes.dtype !== "uint8" || !sameShape(x.shape, bytes.shape)) {
        throw shapeError("dropoutMask", [x, bytes], "float32 and as many uint8 of the same shape");
      }
      if (!Number.isInteger(dropped) || dropped < 0 || dropped > 255) {
        throw shapeError("dropoutMask", [x, bytes], `0 to 255 of 256 dropped, not ${dropped}`);
      }
      return x;
    },
    gradient: ({ inputs: [, bytes], attributes: { dropped }, dOutput }) => [
      dropoutMask(dOutput, bytes, dropped),
      undefined,
    ],
    onnx({ emitter, names: [x, bytes], attributes: { dropped } }) {
      const scaled = emitter.node("Mul", [x!, emitter.nameOf(scalar(256 / (256 - dropped)))]);
      const limit = constant(new HostTensor("uint8", [], Uint8Array.of(dropped)));
      const drop = emitter.node("Less", [bytes!, emitter.nameOf(limit)]);
      return emitter.node("Where", [drop, emitter.zero("float32"), scaled]);
    },
  },
);

/** y = x in another element type. ONNX `Cast`, opset 19. */
export const cast: Op<[x: Tensor, to: DType]> = defineOp("cast", (x, to) => [[x], { to }], {
  type: ([x], { to }) => ({ dtype: to, shape: x.shape }),
  gradient: "none",
  onnx: ({ emitter, names, attributes }) => emitter.node("Cast", names, { to: dtypes[attributes.to].onnx }),
});
