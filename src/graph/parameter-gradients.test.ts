import { expect, test } from "vitest";
import { tinyInput } from "../../fixtures/tiny-weights.js";
import { evaluateAll } from "../runtime/evaluate.test-support.js";
import {
  add,
  elementCount,
  gather,
  gradients,
  HostTensor,
  input,
  mul,
  parameterGradients,
  reshape,
  slice,
  sum,
  tanh,
  type Parameter,
  type Tensor,
} from "./index.js";

const table: Parameter = { kind: "parameter", name: "table", dtype: "float32", shape: [6, 2] };
const other: Parameter = { kind: "parameter", name: "other", dtype: "float32", shape: [2] };
const values = (shape: readonly number[]) => new HostTensor("float32", shape, tinyInput("table", shape));

const total = (x: Tensor) => sum(x, { axes: x.shape.map((_, axis) => axis) });
const rows = (start: number, end: number) => slice(table, { axis: 0, start, end });
const losses = (...tensors: Tensor[]) => tensors.map((x) => total(mul(tanh(x), x))).reduce((sum, x) => add(sum, x));

const ids = input("ids", "int64", [3]);
const otherIds = input("otherIds", "int64", [2, 2]);
const feeds = {
  ids: new HostTensor("int64", [3], BigInt64Array.of(4n, 0n, 4n)),
  otherIds: new HostTensor("int64", [2, 2], BigInt64Array.of(0n, 1n, 1n, 1n)),
};

/** The positions of the parts of the table's gradient, and whether together they are the gradient of the whole. */
async function partsOf(loss: Tensor): Promise<{ readonly places: string[]; readonly same: boolean }> {
  const parts = parameterGradients(loss, [table]);
  const [whole] = gradients(loss, [table]);
  const outputs = Object.fromEntries(
    parts.flatMap(({ gradient, rows }, i) => [
      [`part${i}`, gradient] as const,
      ...(rows === undefined ? [] : [[`rows${i}`, rows] as const]),
    ]),
  );
  const { data } = values([6, 2]);
  const [result] = await evaluateAll({ ...outputs, whole: whole! }, [feeds], () => ({
    dtype: "float32",
    shape: [6, 2],
    data: new Uint8Array(data.buffer),
  }));
  const together = new Float32Array(12);
  parts.forEach(({ firstElement, rows }, i) => {
    const gradient = result![`part${i}`]!.toArray();
    if (rows === undefined) together.set(gradient, firstElement);
    else {
      result![`rows${i}`]!.toArray().forEach((row, n) => {
        for (const column of [0, 1]) together[2 * row + column]! += gradient[2 * n + column]!;
      });
    }
  });
  const places = parts.map(({ firstElement, gradient, rows }) =>
    rows === undefined ? `${firstElement}+${elementCount(gradient.shape as readonly number[])}` : "rows",
  );
  const expected = result!.whole!.toArray();
  return { places, same: expected.every((value, i) => Math.abs(value - together[i]!) < 1e-6) };
}

test.each([
  ["slices of the first axis: a part each", losses(rows(4, 6), rows(0, 2), rows(2, 4)), ["0+4", "4+4", "8+4"]],
  ["elements that no slice reads: in no part", losses(rows(1, 2), rows(4, 5)), ["2+2", "8+2"]],
  ["the same slice read twice, once more by the same node: summed", losses(rows(0, 3), rows(0, 3)), ["0+6"]],
  ["slices that overlap: the whole", losses(rows(0, 3), rows(2, 6)), ["0+12"]],
  ["one slice within another: the whole", losses(rows(0, 6), rows(2, 4)), ["0+12"]],
  ["slices that start together and end apart: the whole", losses(rows(0, 2), rows(0, 3)), ["0+12"]],
  ["a slice and the whole: the whole", losses(rows(0, 2), table), ["0+12"]],
  ["slices of another axis: the whole", losses(slice(table, { axis: 1, start: 0, end: 1 }), rows(0, 2)), ["0+12"]],
  ["read in another shape: the whole", losses(reshape(table, [12])), ["0+12"]],
  ["gathered rows and the whole: the whole", losses(gather(table, ids), table), ["0+12"]],
  ["gathered rows and a slice: the whole", losses(gather(table, ids), rows(0, 2)), ["0+12"]],
])("%s", async (_, loss, places) => {
  expect(await partsOf(loss)).toEqual({ places, same: true });
});

test("gradients of gathered rows are added to the whole, also for rows read several times", async () => {
  expect((await partsOf(losses(gather(table, ids), gather(table, otherIds)))).same).toBe(true);
});

test("a slice that the loss reads without a gradient is in no part", () => {
  const loss = losses(rows(0, 2));
  expect(parameterGradients(loss, [table, other]).map(({ parameter }) => parameter)).toEqual([table]);
  expect(parameterGradients(loss, [other])).toEqual([]);
  expect(parameterGradients(loss, [])).toEqual([]);
});

test("parts are in the order in which parameters are first read", () => {
  const loss = losses(mul(other, rows(2, 3)), rows(0, 1));
  const inOrder = parameterGradients(loss, [table, other]);
  expect(inOrder.map(({ parameter: { name }, firstElement }) => `${name} ${firstElement}`)).toEqual([
    "table 0",
    "table 4",
    "other 0",
  ]);
});
