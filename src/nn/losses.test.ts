import { expect, test } from "vitest";
import { deviation } from "../../fixtures/tolerance.js";
import { gradients, HostTensor, input, sum, type Tensor } from "../graph/index.js";
import { evaluateAll } from "../runtime/evaluate.test-support.js";
import { crossEntropy, mean, normalize } from "./index.js";

const floats = (shape: readonly number[], values: readonly number[]) =>
  new HostTensor("float32", shape, Float32Array.from(values));

/** A loss of `x` and its gradient. */
async function withGradient(
  loss: (x: Tensor) => Tensor,
  x: HostTensor,
  feeds: Readonly<Record<string, HostTensor>> = {},
): Promise<{ loss: number; dx: number[] }> {
  const named = x.shape.map((_, axis) => (axis === x.shape.length - 1 ? x.shape[axis]! : `axis${axis}`));
  const tensor = input("x", "float32", named);
  const value = loss(tensor);
  const [dx] = gradients(value, [tensor]);
  const [result] = await evaluateAll({ loss: value, dx: dx! }, [{ x, ...feeds }]);
  return { loss: result!.loss!.at(), dx: result!.dx!.toArray() };
}

const crossEntropyOf = (logits: HostTensor, labels: readonly number[], ignoreIndex?: number) => {
  const shape = logits.shape.slice(0, -1);
  const names = shape.map((_, axis) => `axis${axis}`);
  return withGradient((x) => crossEntropy(x, input("labels", "int64", names), { ignoreIndex }), logits, {
    labels: new HostTensor("int64", shape, BigInt64Array.from(labels, BigInt)),
  });
};

// Expected values: torch 2.13 `cross_entropy` and `normalize` with their gradients.
test("crossEntropy is the mean over the labels that count, also of large logits", async () => {
  const logits = floats([2, 3, 3], [1, 2, 3, 0.5, -1, 2, 1e4, 0, -1e4, 3, 1, 0, 0, 0, 0, -2, 4, 1]);
  const { loss, dx } = await crossEntropyOf(logits, [2, -100, 1, 0, 1, -100]);
  expect(deviation([loss], [2500.4189453125])).toBeLessThan(1);
  const expected = [
    0.022507645189762115, 0.06118212267756462, -0.08368974924087524, 0, 0, 0, 0.25, -0.25, 0, -0.039051324129104614,
    0.028548799455165863, 0.01050251629203558, 0.0833333283662796, -0.1666666716337204, 0.0833333283662796, 0, 0, 0,
  ];
  expect(deviation(dx, expected, { absolute: 1e-6, relative: 1e-5 })).toBeLessThan(1);
});

test("crossEntropy of one row of logits for each label", async () => {
  const { loss, dx } = await crossEntropyOf(floats([2, 3], [1, 2, 3, 3, 1, 0]), [2, 0]);
  expect(loss).toBeCloseTo(0.28872600197792053, 6);
  const expected = [
    0.04501529037952423, 0.12236424535512924, -0.1673794984817505, -0.07810264825820923, 0.057097598910331726,
    0.02100503258407116,
  ];
  expect(deviation(dx, expected, { absolute: 1e-6, relative: 1e-5 })).toBeLessThan(1);
});

test("crossEntropy ignores another label where asked to", async () => {
  const { loss } = await crossEntropyOf(floats([2, 3], [1, 2, 3, 3, 1, 0]), [2, 1], 2);
  expect(loss).toBeCloseTo(2.1698460578918457, 6);
});

test("crossEntropy over no labels is NaN, as in PyTorch", async () => {
  const { loss } = await crossEntropyOf(floats([2, 3], [1, 2, 3, 3, 1, 0]), [-100, -100]);
  expect(loss).toBeNaN();
});

test("mean divides by the number of elements, whatever they are", async () => {
  const { loss, dx } = await withGradient(mean, floats([2, 3], [1, 2, 3, 4, 5, 9]));
  expect(loss).toBeCloseTo(4, 6);
  expect(deviation(dx, new Array<number>(6).fill(1 / 6))).toBeLessThan(1);
  expect((await withGradient(mean, floats([1, 2], [Infinity, 1]))).loss).toBe(Infinity);
});

test("normalize makes unit vectors, leaves zero at zero and has finite gradients", async () => {
  const u = input("u", "float32", ["batch", 2]);
  const y = normalize(u);
  const [du] = gradients(sum(y, { axes: [0, 1] }), [u]);
  const rows = floats([4, 2], [3, 4, 0, 0, 1e-15, 0, 1e-8, 0]);
  const [result] = await evaluateAll({ y, du: du! }, [{ u: rows }]);
  expect(deviation(result!.y!.toArray(), [0.6, 0.8, 0, 0, 0.001, 0, 1, 0])).toBeLessThan(1);
  expect(result!.du!.toArray().slice(2).every(Number.isFinite)).toBe(true);
  expect(deviation(result!.du!.toArray(), [0.032, -0.024, 1e12, 1e12, 1e12, 1e12, 0, 1e8])).toBeLessThan(1);
});
