import * as g from "../../graph/index.js";
import { read, total } from "../reference.test-support.js";
import { float, ids, int, one, rows, x, type OpSamples } from "./sample.test-support.js";

export const indexingSamples = {
  gather: one(
    {
      operands: [float(3, 4), int(3, "batch", "text")],
      build: (table, indices) => g.gather(table, indices),
      type: "float32[batch, text, 4]",
      element: ([i, j, k], table, indices) => read(table, [read(indices, [i!, j!]), k!]),
    },
    () => g.gather(x, x),
  ),
  scatterRows: one(
    {
      operands: [rows, int(3, "batch", "text")],
      build: (rows, indices) => g.scatterRows(rows, indices, [3, 4]),
      type: "float32[3, 4]",
      element: ([row, k], rows, indices) =>
        total(indices.data.length, (n) => (Number(indices.data[n]) === row ? rows.toArray()[4 * n + k!]! : 0)),
    },
    () => g.scatterRows(x, ids, [3, 5]),
  ),
  gatherElements: one(
    {
      operands: [rows, int(4, "batch", "text")],
      build: (x, indices) => g.gatherElements(x, indices),
      type: "float32[batch, text]",
      element: ([i, j], x, indices) => read(x, [i!, j!, read(indices, [i!, j!])]),
    },
    () => g.gatherElements(x, g.input("indices", "int64", ["batch"])),
  ),
  scatterElements: one(
    {
      operands: [float("batch", "text"), int(4, "batch", "text")],
      build: (values, indices) => g.scatterElements(values, indices, ["batch", "text", 4]),
      type: "float32[batch, text, 4]",
      element: ([i, j, k], values, indices) => (read(indices, [i!, j!]) === k ? read(values, [i!, j!]) : 0),
    },
    () => g.scatterElements(x, ids, ["batch", "text", 4]),
  ),
} satisfies Record<string, OpSamples>;
