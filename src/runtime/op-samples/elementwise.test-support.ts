import * as g from "../../graph/index.js";
import type { Tensor } from "../../graph/index.js";
import { erfSeries, read } from "../reference.test-support.js";
import {
  above,
  awayFrom0,
  bool,
  byte,
  float,
  ids,
  int,
  one,
  rows,
  x,
  type Operand,
  type OpSamples,
  type Sample,
} from "./sample.test-support.js";

function unary(build: (x: Tensor) => Tensor, f: (x: number) => number, operand: Operand = rows): OpSamples {
  return {
    samples: [
      {
        title: "named dimensions",
        operands: [operand],
        build,
        type: "float32[batch, text, 4]",
        element: (at, x) => f(read(x, at)),
      },
    ],
    refused: () => build(ids),
  };
}

type BinaryBuild = (a: Tensor, b: Tensor) => Tensor;

function binary(
  build: BinaryBuild,
  f: (a: number, b: number) => number,
  { dtype = "float32", b = (operand: Operand) => operand, whole = false } = {},
): OpSamples {
  const sample = (title: string, operands: readonly [Operand, Operand], shape: string): Sample => ({
    title,
    operands,
    build,
    type: `${dtype}${shape}`,
    element: (at, a, b) => f(read(a, at), read(b, at)),
  });
  return {
    samples: [
      sample("equal shapes", [rows, b(rows)], "[batch, text, 4]"),
      sample("the second broadcasts over a new axis", [rows, b(float(4))], "[batch, text, 4]"),
      sample("both broadcast", [float("batch", 1, 4), b(float("text", 1))], "[batch, text, 4]"),
      sample("a scalar first", [float(), b(rows)], "[batch, text, 4]"),
      ...(whole
        ? [
            {
              ...sample("whole numbers", [int(5, "batch", "text"), int(5, "text")], "[batch, text]"),
              type: `${dtype === "float32" ? "int64" : dtype}[batch, text]`,
            },
          ]
        : []),
    ],
    refused: () => build(x, g.input("y", "float32", ["batch", "text", 3])),
  };
}

export const elementwiseSamples = {
  add: binary(g.add, (a, b) => a + b, { whole: true }),
  sub: binary(g.sub, (a, b) => a - b, { whole: true }),
  mul: binary(g.mul, (a, b) => a * b, { whole: true }),
  div: binary(g.div, (a, b) => a / b, { b: (operand) => above(0.5, operand) }),
  maximum: binary(g.maximum, Math.max, { whole: true }),
  less: binary(g.less, (a, b) => Number(a < b), { dtype: "bool", whole: true }),
  equal: binary(g.equal, (a, b) => Number(a === b), { dtype: "bool", whole: true }),
  exp: unary(g.exp, Math.exp),
  log: unary(g.log, Math.log, above(0.5, rows)),
  sqrt: unary(g.sqrt, Math.sqrt, above(0.5, rows)),
  tanh: unary(g.tanh, Math.tanh),
  sigmoid: unary(g.sigmoid, (u) => 1 / (1 + Math.exp(-u))),
  relu: unary(g.relu, (u) => Math.max(u, 0), awayFrom0(rows)),
  erf: unary(g.erf, erfSeries),
  gelu: unary(g.gelu, (u) => (u / 2) * (1 + erfSeries(u / Math.SQRT2))),
  where: {
    samples: [
      {
        title: "equal shapes",
        operands: [bool("batch", "text"), float("batch", "text"), float("batch", "text")],
        build: g.where,
        type: "float32[batch, text]",
        element: (at, condition, a, b) => read(read(condition, at) === 1 ? a : b, at),
      },
      {
        title: "all broadcast",
        operands: [bool("batch", 1, 4), float("text", 1), float()],
        build: g.where,
        type: "float32[batch, text, 4]",
        element: (at, condition, a, b) => read(read(condition, at) === 1 ? a : b, at),
      },
    ],
    refused: () => g.where(x, x, x),
  },
  dropoutMask: one(
    {
      operands: [rows, byte("batch", "text", 4)],
      build: (x, bytes) => g.dropoutMask(x, bytes, 100),
      type: "float32[batch, text, 4]",
      element: (at, x, bytes) => (read(bytes, at) < 100 ? 0 : (read(x, at) * 256) / 156),
    },
    () => g.dropoutMask(x, x, 100),
  ),
  cast: {
    samples: [
      {
        title: "to float",
        operands: [int(9, "batch", "text")],
        build: (n) => g.cast(n, "float32"),
        type: "float32[batch, text]",
        element: (at, n) => read(n, at),
      },
      {
        title: "to whole numbers, towards zero",
        operands: [float("batch", "text")],
        build: (x) => g.cast(x, "int64"),
        type: "int64[batch, text]",
        element: (at, x) => Math.trunc(read(x, at)),
      },
    ],
    refused: undefined,
  },
} satisfies Record<string, OpSamples>;
