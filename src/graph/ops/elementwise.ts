/** Ops that work on each element alone; two operands broadcast as in NumPy. */
import type { DType } from "../dtype.js";
import { dtypes } from "../dtype.js";
import { HostTensor } from "../host-tensor.js";
import { broadcastShapes, sameShape } from "../shape.js";
import { constant, defineOp, shapeError, type Tensor, type TensorType } from "../tensor.js";

type One = readonly [Tensor];
type Two = readonly [Tensor, Tensor];
type Three = readonly [Tensor, Tensor, Tensor];
type None = Record<string, never>;

/** A float32 scalar. */
export const scalar = (value: number): Tensor => constant(new HostTensor("float32", [], new Float32Array([value])));

/** A tensor, or a number that stands for a float32 scalar. */
export type Operand = Tensor | number;
const tensorOf = (x: Operand): Tensor => (typeof x === "number" ? scalar(x) : x);

function broadcast(op: string, [a, b]: Two): TensorType {
  const shape = broadcastShapes(a.shape, b.shape);
  if (shape === undefined) throw shapeError(op, [a, b], "shapes that broadcast");
  if (a.dtype !== b.dtype) throw shapeError(op, [a, b], "operands of one type");
  return { dtype: a.dtype, shape };
}

function float(op: string, [x]: One): TensorType {
  if (x.dtype !== "float32") throw shapeError(op, [x], "float32");
  return x;
}

/** A differentiable binary op whose ONNX operator has no attributes. */
const binary = (op: string, onnx: string, gradient: (a: Tensor, b: Tensor, dy: Tensor) => readonly [Tensor, Tensor]) =>
  defineOp<Two, None>(op, {
    type: (inputs) => broadcast(op, inputs),
    gradient: ({ inputs: [a, b], dOutput }) => gradient(a, b, dOutput),
    onnx: ({ emitter, names, inputs }) =>
      emitter.elementwise(
        onnx,
        inputs.map(({ shape }, i) => ({ name: names[i]!, shape })),
      ),
  });

/** A differentiable unary op whose ONNX operator has no attributes; the rule gets input, output and `dy`. */
const unary = (op: string, onnx: string, gradient: (x: Tensor, y: Tensor, dy: Tensor) => Tensor) =>
  defineOp<One, None>(op, {
    type: (inputs) => float(op, inputs),
    gradient: ({ inputs: [x], output: y, dOutput: dy }) => [gradient(x, y, dy)],
    onnx: ({ emitter, names, inputs }) =>
      emitter.elementwise(
        onnx,
        inputs.map(({ shape }, i) => ({ name: names[i]!, shape })),
      ),
  });

const comparison = (op: string, onnx: string) =>
  defineOp<Two, None>(op, {
    type: (inputs) => ({ dtype: "bool", shape: broadcast(op, inputs).shape }),
    gradient: "none",
    onnx: ({ emitter, names, inputs }) =>
      emitter.elementwise(
        onnx,
        inputs.map(({ shape }, i) => ({ name: names[i]!, shape })),
      ),
  });

/** @internal */
export const elementwise = {
  /** y = a + b. ONNX `Add`, opset 14. */
  add: binary("add", "Add", (_a, _b, dy) => [dy, dy]),
  /** y = a − b. ONNX `Sub`, opset 14. */
  sub: binary("sub", "Sub", (_a, _b, dy) => [dy, mul(dy, -1)]),
  /** y = a · b. ONNX `Mul`, opset 14. */
  mul: binary("mul", "Mul", (a, b, dy) => [mul(dy, b), mul(dy, a)]),
  /** y = a / b; da = dy / b, db = −dy · a / b². ONNX `Div`, opset 14. */
  div: binary("div", "Div", (a, b, dy) => [div(dy, b), div(mul(mul(dy, -1), a), mul(b, b))]),
  /** y = max(a, b); the gradient goes to the larger, to `a` where they are equal. ONNX `Max`, opset 13. */
  maximum: binary("maximum", "Max", (a, b, dy) => [where(less(a, b), 0, dy), where(less(a, b), dy, 0)]),
  /** y = eˣ; dx = y · dy. ONNX `Exp`, opset 13. */
  exp: unary("exp", "Exp", (_x, y, dy) => mul(y, dy)),
  /** y = ln x; dx = dy / x. ONNX `Log`, opset 13. */
  log: unary("log", "Log", (x, _y, dy) => div(dy, x)),
  /** y = √x; dx = dy / 2y. ONNX `Sqrt`, opset 13. */
  sqrt: unary("sqrt", "Sqrt", (_x, y, dy) => div(dy, mul(y, 2))),
  /** y = tanh x; dx = (1 − y²) · dy. ONNX `Tanh`, opset 13. */
  tanh: unary("tanh", "Tanh", (_x, y, dy) => mul(sub(1, mul(y, y)), dy)),
  /** y = 1 / (1 + e⁻ˣ); dx = y (1 − y) · dy. ONNX `Sigmoid`, opset 13. */
  sigmoid: unary("sigmoid", "Sigmoid", (_x, y, dy) => mul(mul(y, sub(1, y)), dy)),
  /** y = max(x, 0); dx = dy where x > 0. ONNX `Relu`, opset 14. */
  relu: unary("relu", "Relu", (x, _y, dy) => where(less(0, x), dy, 0)),
  /** y = 2/√π ∫₀ˣ e^(−t²) dt; dx = 2/√π · e^(−x²) · dy. ONNX `Erf`, opset 13. */
  erf: unary("erf", "Erf", (x, _y, dy) => mul(mul(exp(mul(mul(x, x), -1)), 2 / Math.sqrt(Math.PI)), dy)),
  /** y = x · Φ(x), Φ the normal distribution; dx = (Φ(x) + x φ(x)) · dy. ONNX `Gelu`, opset 20. */
  gelu: unary("gelu", "Gelu", (x, _y, dy) => {
    const cumulative = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
    const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return mul(add(cumulative, mul(x, density)), dy);
  }),
  /** y = a < b. ONNX `Less`, opset 13. */
  less: comparison("less", "Less"),
  /** y = (a = b). ONNX `Equal`, opset 19. */
  equal: comparison("equal", "Equal"),
  /** y = a where the condition holds, b elsewhere. ONNX `Where`, opset 16. */
  where: defineOp<Three, None>("where", {
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
  }),
  /**
   * y = 0 where byte < dropped, x · 256 / (256 − dropped) elsewhere: dropout of `dropped` in 256 by uniformly random bytes;
   * dx = dy dropped by the same bytes. ONNX `Less` and `Where`.
   */
  dropBytes: defineOp<Two, { readonly dropped: number }>("dropBytes", {
    type([x, bytes], { dropped }) {
      if (x.dtype !== "float32" || bytes.dtype !== "uint8" || !sameShape(x.shape, bytes.shape)) {
        throw shapeError("dropBytes", [x, bytes], "float32 and as many uint8 of the same shape");
      }
      if (!Number.isInteger(dropped) || dropped < 0 || dropped > 255) {
        throw shapeError("dropBytes", [x, bytes], `0 to 255 of 256 dropped, not ${dropped}`);
      }
      return x;
    },
    gradient: ({ inputs: [, bytes], attributes: { dropped }, dOutput }) => [
      dropBytes(dOutput, bytes, dropped),
      undefined,
    ],
    onnx({ emitter, names: [x, bytes], attributes: { dropped } }) {
      const scaled = emitter.node("Mul", [x!, emitter.nameOf(scalar(256 / (256 - dropped)))]);
      const limit = constant(new HostTensor("uint8", [], Uint8Array.of(dropped)));
      const drop = emitter.node("Less", [bytes!, emitter.nameOf(limit)]);
      return emitter.node("Where", [drop, emitter.zero("float32"), scaled]);
    },
  }),
  /** y = x in another element type. ONNX `Cast`, opset 19. */
  cast: defineOp<One, { readonly to: DType }>("cast", {
    type: ([x], { to }) => ({ dtype: to, shape: x.shape }),
    gradient: "none",
    onnx: ({ emitter, names, attributes }) => emitter.node("Cast", names, { to: dtypes[attributes.to].onnx }),
  }),
};

export const add = (a: Operand, b: Operand): Tensor => elementwise.add([tensorOf(a), tensorOf(b)], {});
export const sub = (a: Operand, b: Operand): Tensor => elementwise.sub([tensorOf(a), tensorOf(b)], {});
export const mul = (a: Operand, b: Operand): Tensor => elementwise.mul([tensorOf(a), tensorOf(b)], {});
export const div = (a: Operand, b: Operand): Tensor => elementwise.div([tensorOf(a), tensorOf(b)], {});
export const maximum = (a: Operand, b: Operand): Tensor => elementwise.maximum([tensorOf(a), tensorOf(b)], {});
export const exp = (x: Tensor): Tensor => elementwise.exp([x], {});
export const log = (x: Tensor): Tensor => elementwise.log([x], {});
export const sqrt = (x: Tensor): Tensor => elementwise.sqrt([x], {});
export const tanh = (x: Tensor): Tensor => elementwise.tanh([x], {});
export const sigmoid = (x: Tensor): Tensor => elementwise.sigmoid([x], {});
export const relu = (x: Tensor): Tensor => elementwise.relu([x], {});
export const erf = (x: Tensor): Tensor => elementwise.erf([x], {});
export const gelu = (x: Tensor): Tensor => elementwise.gelu([x], {});
export const less = (a: Operand, b: Operand): Tensor => elementwise.less([tensorOf(a), tensorOf(b)], {});
export const equal = (a: Operand, b: Operand): Tensor => elementwise.equal([tensorOf(a), tensorOf(b)], {});
export const where = (condition: Tensor, a: Operand, b: Operand): Tensor =>
  elementwise.where([condition, tensorOf(a), tensorOf(b)], {});
/** Dropout by uniformly random bytes: `dropped` in 256 elements become 0, the others are scaled up. */
export const dropBytes = (x: Tensor, bytes: Tensor, dropped: number): Tensor =>
  elementwise.dropBytes([x, bytes], { dropped });
export const cast = (x: Tensor, to: DType): Tensor => elementwise.cast([x], { to });
