/** Values and gradients at the ends of the range, at ties and at repeated indices. */
import { expect, test } from "vitest";
import { deviation } from "../../fixtures/tolerance.js";
import {
  constant,
  div,
  erf,
  gather,
  gelu,
  gradients,
  HostTensor,
  input,
  layerNormalization,
  logSumExp,
  maximum,
  mul,
  gatherElements,
  scatterElements,
  relu,
  softmax,
  sum,
  type Tensor,
} from "../graph/index.js";
import { evaluate, evaluateAll } from "./evaluate.test-support.js";

const floats = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  new HostTensor("float32", shape, Float32Array.from(values));
const ints = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  new HostTensor("int64", shape, BigInt64Array.from(values, BigInt));

/** y = f(x) and ∂Σy/∂x. */
async function withGradient(f: (x: Tensor) => Tensor, value: HostTensor): Promise<{ y: number[]; dx: number[] }> {
  const x = input("x", "float32", value.shape);
  const y = f(x);
  const [dx] = gradients(sum(y, { axes: y.shape.map((_, axis) => axis) }), [x]);
  const [result] = await evaluateAll({ y, dx: dx! }, [{ x: value }]);
  return { y: result!.y!.toArray(), dx: result!.dx!.toArray() };
}

test("erf and gelu are PyTorch's", async () => {
  const x = constant(floats([-20, -3, -1, -0.5, 0, 0.5, 1, 3, 20]));
  // torch 2.13, float64.
  const expectedErf = [
    -1, -0.9999779095030014, -0.8427007929497149, -0.5204998778130465, 0, 0.5204998778130465, 0.8427007929497149,
    0.9999779095030014, 1,
  ];
  const expectedGelu = [
    0, -0.00404969409489031, -0.15865525393145702, -0.15426876936299344, 0, 0.34573123063700656, 0.841344746068543,
    2.99595030590511, 20,
  ];
  const tight = { absolute: 1e-6, relative: 1e-6 };
  expect(deviation((await evaluate(erf(x))).toArray(), expectedErf, tight)).toBeLessThan(1);
  expect(deviation((await evaluate(gelu(x))).toArray(), expectedGelu, tight)).toBeLessThan(1);
});

test("gelu's slope is 0 far left and 1 far right", async () => {
  expect((await withGradient(gelu, floats([-20, 0, 20]))).dx).toEqual([0, 0.5, 1]);
});

test("softmax and logSumExp of ±10⁴ neither overflow nor lose their gradients", async () => {
  const row = floats([1e4, -1e4, 1e4, -1e4], [2, 2]);
  expect((await withGradient((x) => softmax(x, -1), row)).y).toEqual([1, 0, 1, 0]);
  expect(await withGradient((x) => logSumExp(x, { axes: [-1] }), row)).toEqual({ y: [1e4, 1e4], dx: [1, 0, 1, 0] });
  const below = floats([-1e4, -1e4], [1, 2]);
  const { y, dx } = await withGradient((x) => logSumExp(x, { axes: [-1] }), below);
  expect(y[0]).toBeCloseTo(-1e4 + Math.LN2, 2);
  expect(deviation(dx, [0.5, 0.5], { absolute: 1e-3, relative: 0 })).toBeLessThan(1);
});

test("layerNormalization of a constant row is the bias, and no gradient is infinite", async () => {
  const ones = constant(floats([2, 2, 2]));
  const bias = constant(floats([1, 2, 3]));
  const normalized = (x: Tensor) => layerNormalization(x, ones, bias, 1e-5);
  const { y, dx } = await withGradient((x) => mul(normalized(x), constant(floats([1, 0, 0]))), floats([7, 7, 7]));
  expect(y).toEqual([1, 0, 0]);
  const slope = 2 / Math.sqrt(1e-5);
  expect(deviation(dx, [(2 / 3) * slope, -slope / 3, -slope / 3])).toBeLessThan(1);
});

test("maximum gives a tie's gradient to the first operand", async () => {
  const other = constant(floats([1, 2, 3]));
  expect((await withGradient((x) => maximum(x, other), floats([2, 2, 2]))).dx).toEqual([1, 1, 0]);
  expect((await withGradient((x) => maximum(other, x), floats([2, 2, 2]))).dx).toEqual([1, 0, 0]);
  expect((await withGradient(relu, floats([-1, 0, 1]))).dx).toEqual([0, 0, 1]);
});

test("a row gathered three times gets three gradients, a row never gathered none", async () => {
  const indices = constant(ints([2, 0, 2, 2], [2, 2]));
  const weights = constant(floats([1, 10, 100, 1000], [2, 2, 1]));
  const table = floats([1, 2, 3, 4, 5, 6], [3, 2]);
  const { dx } = await withGradient((x) => mul(gather(x, indices), weights), table);
  expect(dx).toEqual([10, 10, 0, 0, 1101, 1101]);
});

test("scatterElements writes where gatherElements reads, and each is the gradient of the other", async () => {
  const indices = constant(ints([2, 0]));
  const matrix = floats([1, 2, 3, 4, 5, 6], [2, 3]);
  expect(await withGradient((x) => gatherElements(x, indices), matrix)).toEqual({ y: [3, 4], dx: [0, 0, 1, 1, 0, 0] });
  const weighted = (x: Tensor) => mul(scatterElements(x, indices, [2, 3]), constant(matrix));
  expect(await withGradient(weighted, floats([10, 20]))).toEqual({ y: [0, 0, 30, 80, 0, 0], dx: [3, 4] });
});

// b² underflowed: the gradient was −∞.
test("div's gradient by a tiny divisor is that of its quotient", async () => {
  const [a, b] = [input("a", "float32", [1]), input("b", "float32", [1])];
  const [db] = gradients(sum(div(a, b), { axes: [0] }), [b]);
  const tiny = new HostTensor("float32", [1], Float32Array.of(1e-24));
  const [result] = await evaluateAll({ db: db! }, [{ a: tiny, b: tiny }]);
  expect(result!.db!.at(0) / -1e24).toBeCloseTo(1, 5);
});
