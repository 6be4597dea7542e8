import { expect, test } from "vitest";
import { gradients, HostTensor, input, mul, sum } from "../graph/index.js";
import { evaluateAll } from "../runtime/evaluate.test-support.js";
import { dropout, Scope } from "./index.js";

const x = input("x", "float32", [16, 256]);

test("x itself without a rate, and outside of training", () => {
  const p = Scope.training();
  expect(dropout(p, x, 0)).toBe(x);
  expect(dropout(p, x, 0.0019)).toBe(x); // Less than half of 1/256.
  expect(p.randomInputs()).toEqual([]);
  expect(dropout(Scope.root(), x, 0.9)).toBe(x);
});

test("each use has its own random bytes, also below other scopes", () => {
  const p = Scope.training();
  dropout(p, dropout(p.at("attention"), x, 0.1), 0.1);
  dropout(p.at("output").at("dense"), x, 1);
  expect(p.randomInputs().map(({ name, dtype, shape }) => `${name} ${dtype} ${shape.join("x")}`)).toEqual([
    "random_bytes_0 uint8 16x256",
    "random_bytes_1 uint8 16x256",
    "random_bytes_2 uint8 16x256",
  ]);
});

/** Every byte 16 times, so that shares are exact. */
const bytes = new HostTensor(
  "uint8",
  [16, 256],
  Uint8Array.from({ length: 16 * 256 }, (_, i) => (i * 37) % 256),
);
const ones = new HostTensor("float32", [16, 256], new Float32Array(16 * 256).fill(1));

test.each([
  { rate: 0.1, dropped: 26 },
  { rate: 0.5, dropped: 128 },
  { rate: 1, dropped: 255 },
])("rate $rate drops $dropped of 256 and keeps the mean", async ({ rate, dropped }) => {
  const p = Scope.training();
  const y = dropout(p, x, rate);
  const [result] = await evaluateAll({ y }, [{ x: ones, random_bytes_0: bytes }]);
  const values = result!.y!.toArray();
  expect(values.filter((value) => value === 0).length).toBe(16 * dropped);
  expect(values.reduce((total, value) => total + value) / values.length).toBeCloseTo(1, 5);
  expect(new Set(values.filter((value) => value !== 0))).toEqual(new Set([Math.fround(256 / (256 - dropped))]));
});

test("the gradient has the mask and the scale of the value", async () => {
  const p = Scope.training();
  const y = dropout(p, x, 0.3);
  const weights = input("weights", "float32", [16, 256]);
  const [dx] = gradients(sum(mul(y, weights), { axes: [0, 1] }), [x]);
  const feeds = { x: ones, weights: ones, random_bytes_0: bytes };
  const [result] = await evaluateAll({ y, dx: dx! }, [feeds]);
  expect(result!.dx!.data).toEqual(result!.y!.data);
});
