import * as g from "../../graph/index.js";
import { read } from "../reference.test-support.js";
import { float, one, rows, x, type OpSamples } from "./sample.test-support.js";

export const movementSamples = {
  reshape: {
    samples: [
      {
        title: "an axis split and one merged",
        operands: [rows],
        build: (x) => g.reshape(x, ["batch", "2·text", 2]),
        type: "float32[batch, 2·text, 2]",
        element: ([i, j, k], x) => read(x, [i!, Math.floor(j! / 2), 2 * (j! % 2) + k!]),
      },
      {
        title: "two named axes apart from their places",
        operands: [rows],
        build: (x) => g.reshape(x, [1, "batch", "text", 4]),
        type: "float32[1, batch, text, 4]",
        element: ([, ...at], x) => read(x, at),
      },
      {
        title: "one axis of all",
        operands: [rows],
        build: (x) => g.reshape(x, ["4·batch·text"]),
        type: "float32[4·batch·text]",
        element: ([n], x) => x.toArray()[n!]!,
      },
    ],
    refused: () => g.reshape(x, ["batch", "text", 5]),
  },
  transpose: one(
    {
      operands: [rows],
      build: (x) => g.transpose(x, [2, 0, 1]),
      type: "float32[4, batch, text]",
      element: ([i, j, k], x) => read(x, [j!, k!, i!]),
    },
    () => g.transpose(x, [0, 1, 1]),
  ),
  expand: one(
    {
      operands: [float("text", 1), float("batch", 1, 1)],
      build: (x, other) => g.mul(g.expand(x, ["batch", "text", 4]), other),
      type: "float32[batch, text, 4]",
      element: (at, x, other) => read(x, at) * read(other, at),
    },
    () => g.expand(x, ["batch", 1, 4]),
  ),
  slice: one(
    {
      operands: [rows],
      build: (x) => g.slice(x, { axis: 2, start: 1, end: 3 }),
      type: "float32[batch, text, 2]",
      element: ([i, j, k], x) => read(x, [i!, j!, k! + 1]),
    },
    () => g.slice(x, { axis: 2, start: 3, end: 5 }),
  ),
  pad: one(
    {
      operands: [rows],
      build: (x) => g.pad(x, { axis: 2, before: 1, after: 2 }),
      type: "float32[batch, text, 7]",
      element: ([i, j, k], x) => (k! < 1 || k! > 4 ? 0 : read(x, [i!, j!, k! - 1])),
    },
    () => g.pad(x, { axis: 1, before: 0, after: 1 }),
  ),
  concat: one(
    {
      operands: [rows, float("batch", "text", 1), rows],
      build: (...parts) => g.concat(parts, -1),
      type: "float32[batch, text, 9]",
      element: ([i, j, k], a, b, c) =>
        k! < 4 ? read(a, [i!, j!, k!]) : k! < 5 ? read(b, [i!, j!, 0]) : read(c, [i!, j!, k! - 5]),
    },
    () => g.concat([x, x], 1),
  ),
} satisfies Record<string, OpSamples>;
