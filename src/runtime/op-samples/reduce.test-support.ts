import * as g from "../../graph/index.js";
import type { HostTensor, Tensor } from "../../graph/index.js";
import { read, total } from "../reference.test-support.js";
import { float, ids, int, one, rows, x, type OpSamples, type Sample } from "./sample.test-support.js";

function reduction(
  build: (x: Tensor, options: g.ReduceOptions) => Tensor,
  over: (values: readonly number[]) => number,
): OpSamples {
  const sample = (title: string, options: g.ReduceOptions, type: string, element: Sample["element"]): Sample => ({
    title,
    operands: [rows],
    build: (x) => build(x, options),
    type,
    element,
  });
  const along = (count: number, at: (i: number) => readonly number[], x: HostTensor) =>
    over(Array.from({ length: count }, (_, i) => read(x, at(i))));
  return {
    samples: [
      sample("the last axis", { axes: [-1] }, "float32[batch, text]", ([i, j], x) => along(4, (k) => [i!, j!, k], x)),
      sample("a named axis, kept", { axes: [1], keepDims: true }, "float32[batch, 1, 4]", ([i, , k], x) =>
        along(x.shape[1]!, (j) => [i!, j, k!], x),
      ),
      sample("two axes", { axes: [0, 2] }, "float32[text]", ([j], x) =>
        along(4 * x.shape[0]!, (n) => [Math.floor(n / 4), j!, n % 4], x),
      ),
      sample("all axes", { axes: [0, 1, 2] }, "float32[]", (_, x) => over(x.toArray())),
      sample("no axis", { axes: [] }, "float32[batch, text, 4]", (at, x) => over([read(x, at)])),
    ],
    refused: () => build(x, { axes: [1, -2] }),
  };
}

const logSumExp = (values: readonly number[]) => Math.log(total(values.length, (i) => Math.exp(values[i]!)));

export const reduceSamples = {
  sum: reduction(g.sum, (values) => total(values.length, (i) => values[i]!)),
  logSumExp: reduction(g.logSumExp, logSumExp),
  softmax: {
    samples: [
      {
        title: "the last axis",
        operands: [rows],
        build: (x) => g.softmax(x, -1),
        type: "float32[batch, text, 4]",
        element: ([i, j, k], x) =>
          Math.exp(read(x, [i!, j!, k!]) - logSumExp([0, 1, 2, 3].map((n) => read(x, [i!, j!, n])))),
      },
      {
        title: "a named axis",
        operands: [rows],
        build: (x) => g.softmax(x, 1),
        type: "float32[batch, text, 4]",
        element: ([i, j, k], x) =>
          Math.exp(read(x, [i!, j!, k!])) / total(x.shape[1]!, (n) => Math.exp(read(x, [i!, n, k!]))),
      },
    ],
    refused: () => g.softmax(x, 3),
  },
  layerNormalization: one(
    {
      operands: [rows, float(4), float(4)],
      build: (x, weight, bias) => g.layerNormalization(x, weight, bias, 0.01),
      type: "float32[batch, text, 4]",
      element([i, j, k], x, weight, bias) {
        const row = (n: number) => read(x, [i!, j!, n]);
        const mean = total(4, row) / 4;
        const variance = total(4, (n) => (row(n) - mean) ** 2) / 4;
        return ((row(k!) - mean) / Math.sqrt(variance + 0.01)) * read(weight, [k!]) + read(bias, [k!]);
      },
    },
    () => g.layerNormalization(x, g.input("weight", "float32", [3]), g.input("bias", "float32", [4]), 1e-5),
  ),
  standardize: one(
    {
      operands: [rows],
      build: (x) => g.standardize(x, 1e-3),
      type: "float32[batch, text, 4]",
      element: ([i, j, k], x) => {
        const mean = total(4, (n) => read(x, [i!, j!, n])) / 4;
        const variance = total(4, (n) => (read(x, [i!, j!, n]) - mean) ** 2) / 4;
        return (read(x, [i!, j!, k!]) - mean) / Math.sqrt(variance + 1e-3);
      },
    },
    () => g.standardize(ids, 1e-3),
  ),
  inverseStd: one(
    {
      operands: [rows],
      build: (x) => g.inverseStd(x, 1e-3),
      type: "float32[batch, text, 1]",
      element: ([i, j], x) => {
        const mean = total(4, (n) => read(x, [i!, j!, n])) / 4;
        return 1 / Math.sqrt(total(4, (n) => (read(x, [i!, j!, n]) - mean) ** 2) / 4 + 1e-3);
      },
    },
    () => g.inverseStd(ids, 1e-3),
  ),
  argMax: one(
    {
      operands: [rows],
      build: (x) => g.argMax(x, -1),
      type: "int64[batch, text]",
      element: ([i, j], x) =>
        [0, 1, 2, 3].reduce((best, k) => (read(x, [i!, j!, k]) > read(x, [i!, j!, best]) ? k : best), 0),
    },
    () => g.argMax(ids, 2),
  ),
  cumulativeSum: {
    samples: [
      {
        title: "a named axis of whole numbers",
        operands: [int(9, "batch", "text")],
        build: (n) => g.cumulativeSum(n, 1),
        type: "int64[batch, text]",
        element: ([i, j], n) => total(j! + 1, (k) => read(n, [i!, k])),
      },
      {
        title: "floats",
        operands: [rows],
        build: (x) => g.cumulativeSum(x, -1),
        type: "float32[batch, text, 4]",
        element: ([i, j, k], x) => total(k! + 1, (n) => read(x, [i!, j!, n])),
      },
    ],
    refused: () => g.cumulativeSum(x, 3),
  },
} satisfies Record<string, OpSamples>;
