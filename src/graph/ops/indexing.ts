/** Ops that address elements by the indices in a tensor. */
import { sameShape } from "../shape.js";
import { defineOp, shapeError, type Dim, type Op, type Tensor } from "../tensor.js";

/** y[…, :] = table[indices[…], :]; the rows' gradients are added up in the table. ONNX `Gather`, opset 13. */
export const gather: Op<[table: Tensor, indices: Tensor]> = defineOp(
  "gather",
  (table, indices) => [[table, indices], {}],
  {
    type([table, indices]) {
      if (indices.dtype !== "int64" || table.shape.length === 0) {
        throw shapeError("gather", [table, indices], "a table of rows and int64 indices");
      }
      return { dtype: table.dtype, shape: [...indices.shape, ...table.shape.slice(1)] };
    },
    gradient: ({ inputs: [table, indices], dOutput }) => [scatterRows(dOutput, indices, table.shape), undefined],
    onnx: ({ emitter, names }) => emitter.node("Gather", names, { axis: 0 }),
  },
);

/** A table of zeros with rows[…, :] added at indices[…]; gathers dy. ONNX `ScatterND` with reduction add, opset 18. */
export const scatterRows: Op<[rows: Tensor, indices: Tensor, shape: readonly Dim[]]> = defineOp(
  "scatterRows",
  (rows, indices, shape) => [[rows, indices], { shape }],
  {
    type([rows, indices], { shape }) {
      if (indices.dtype !== "int64" || !sameShape(rows.shape, [...indices.shape, ...shape.slice(1)])) {
        throw shapeError("scatterRows", [rows, indices], `one row of [${shape.join(", ")}] for each int64 index`);
      }
      return { dtype: rows.dtype, shape };
    },
    gradient: ({ inputs: [, indices], dOutput }) => [gather(dOutput, indices), undefined],
    onnx({ emitter, names: [rows, indices], inputs, attributes: { shape } }) {
      const tuple = emitter.node("Unsqueeze", [indices!, emitter.ints([-1])]);
      const zeros = emitter.node("Expand", [emitter.zero(inputs[0].dtype), emitter.shape(shape)]);
      return emitter.node("ScatterND", [zeros, tuple, rows!], { reduction: "add" });
    },
  },
);

/** y[…] = x[…, indices[…]] along the last axis; dx is dy at the gathered entries, 0 elsewhere. ONNX `GatherElements`, opset 13. */
export const gatherElements: Op<[x: Tensor, indices: Tensor]> = defineOp(
  "gatherElements",
  (x, indices) => [[x, indices], {}],
  {
    type([x, indices]) {
      if (indices.dtype !== "int64" || !sameShape(x.shape.slice(0, -1), indices.shape)) {
        throw shapeError("gatherElements", [x, indices], "one int64 index for each row of the last axis");
      }
      return { dtype: x.dtype, shape: indices.shape };
    },
    gradient: ({ inputs: [x, indices], dOutput }) => [scatterElements(dOutput, indices, x.shape), undefined],
    onnx({ emitter, names: [x, indices] }) {
      const column = emitter.node("Unsqueeze", [indices!, emitter.ints([-1])]);
      return emitter.node("Squeeze", [emitter.node("GatherElements", [x!, column], { axis: -1 }), emitter.ints([-1])]);
    },
  },
);

/** Zeros with values[…] at […, indices[…]] of the last axis; gathers dy. ONNX `ScatterElements`, opset 18. */
export const scatterElements: Op<[values: Tensor, indices: Tensor, shape: readonly Dim[]]> = defineOp(
  "scatterElements",
  (values, indices, shape) => [[values, indices], { shape }],
  {
    type([values, indices], { shape }) {
      if (
        indices.dtype !== "int64" ||
        !sameShape(values.shape, indices.shape) ||
        !sameShape(shape.slice(0, -1), indices.shape)
      ) {
        throw shapeError(
          "scatterElements",
          [values, indices],
          `one value and int64 index for each row of [${shape.join(", ")}]`,
        );
      }
      return { dtype: values.dtype, shape };
    },
    gradient: ({ inputs: [, indices], dOutput }) => [gatherElements(dOutput, indices), undefined],
    onnx({ emitter, names: [values, indices], inputs, attributes: { shape } }) {
      const column = (name: string) => emitter.node("Unsqueeze", [name, emitter.ints([-1])]);
      const zeros = emitter.node("Expand", [emitter.zero(inputs[0].dtype), emitter.shape(shape)]);
      return emitter.node("ScatterElements", [zeros, column(indices!), column(values!)], { axis: -1 });
    },
  },
);
