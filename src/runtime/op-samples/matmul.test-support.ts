import * as g from "../../graph/index.js";
import { read, total } from "../reference.test-support.js";
import { float, rows, x, type OpSamples } from "./sample.test-support.js";

export const matmulSamples = {
  matmul: {
    samples: [
      {
        title: "named rows",
        operands: [rows, float("batch", 4, 3)],
        build: (a, b) => g.matmul(a, b),
        type: "float32[batch, text, 3]",
        element: ([i, j, k], a, b) => total(4, (n) => read(a, [i!, j!, n]) * read(b, [i!, n, k!])),
      },
      {
        title: "both broadcast over the leading axes",
        operands: [float("batch", 1, 3, 4), float("text", 4, 2)],
        build: (a, b) => g.matmul(a, b),
        type: "float32[batch, text, 3, 2]",
        element: ([h, i, j, k], a, b) => total(4, (n) => read(a, [h!, 0, j!, n]) * read(b, [i!, n, k!])),
      },
      {
        title: "the first transposed",
        operands: [float(4, "batch"), float(4, 3)],
        build: (a, b) => g.matmul(a, b, { transposeA: true }),
        type: "float32[batch, 3]",
        element: ([i, k], a, b) => total(4, (n) => read(a, [n, i!]) * read(b, [n, k!])),
      },
      {
        title: "the second transposed, more axes",
        operands: [float("batch", 2, 3, 4), float("text", 4)],
        build: (a, b) => g.matmul(a, b, { transposeB: true }),
        type: "float32[batch, 2, 3, text]",
        element: ([h, i, j, k], a, b) => total(4, (n) => read(a, [h!, i!, j!, n]) * read(b, [k!, n])),
      },
      {
        title: "both transposed",
        operands: [float("batch", 4, "text"), float(3, 4)],
        build: (a, b) => g.matmul(a, b, { transposeA: true, transposeB: true }),
        type: "float32[batch, text, 3]",
        element: ([i, j, k], a, b) => total(4, (n) => read(a, [i!, n, j!]) * read(b, [k!, n])),
      },
    ],
    refused: () => g.matmul(x, x),
  },
  linear: {
    samples: [
      {
        title: "three axes and a bias",
        operands: [rows, float(3, 4), float(3)],
        build: g.linear,
        type: "float32[batch, text, 3]",
        element: ([i, j, k], x, weight, bias) =>
          read(bias, [k!]) + total(4, (n) => read(x, [i!, j!, n]) * read(weight, [k!, n])),
      },
      {
        title: "two axes, no bias",
        operands: [float("batch", 4), float(3, 4)],
        build: (x, weight) => g.linear(x, weight),
        type: "float32[batch, 3]",
        element: ([i, k], x, weight) => total(4, (n) => read(x, [i!, n]) * read(weight, [k!, n])),
      },
      {
        title: "a vector",
        operands: [float(4), float(3, 4), float(3)],
        build: g.linear,
        type: "float32[3]",
        element: ([k], x, weight, bias) => read(bias, [k!]) + total(4, (n) => read(x, [n]) * read(weight, [k!, n])),
      },
    ],
    refused: () => g.linear(x, g.input("weight", "float32", [3, 5])),
  },
} satisfies Record<string, OpSamples>;
