/** Matrix products. */
import { broadcastShapes, productOf } from "../shape.js";
import { defineOp, shapeError, type Dim, type Op, type Tensor } from "../tensor.js";
import { reshape, transpose } from "./movement.js";

/**
 * The last two axes exchanged.
 * @example
 * console.log(formatType(swapLastAxes(input("x", "float32", ["batch", 2, 3])))); // float32[batch, 3, 2]
 */
export function swapLastAxes(x: Tensor): Tensor {
  const rank = x.shape.length;
  return transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
}

/** All axes but the last made one: [..., width] -> [rows, width]. */
const asMatrix = (x: Tensor): Tensor => reshape(x, [productOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);

/** Which operands are read with their last two axes exchanged. */
export type Transposes = { readonly transposeA?: boolean; readonly transposeB?: boolean };

const matrixOf = (x: Tensor, transposed: boolean | undefined): readonly [rows: Dim, columns: Dim] => {
  const [rows, columns] = x.shape.slice(-2) as [Dim, Dim];
  return transposed === true ? [columns, rows] : [rows, columns];
};

/**
 * y = a b over the last two axes, the others broadcast; da = dy bᵀ, db = aᵀ dy. ONNX `MatMul`, opset 13; with an operand
 * transposed, which costs nothing, `Gemm`, or ONNX Runtime's `FusedMatMul` if there are more axes.
 * [..., rows, inner] × [..., inner, columns] -> [..., rows, columns]
 */
export const matmul: Op<[a: Tensor, b: Tensor, transposes?: Transposes]> = defineOp(
  "matmul",
  (a, b, transposes = {}) => [[a, b], transposes],
  {
    type([a, b], { transposeA, transposeB }) {
      const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
      const [rows, inner] = matrixOf(a, transposeA);
      const [innerB, columns] = matrixOf(b, transposeB);
      const matrices = a.shape.length >= 2 && b.shape.length >= 2 && inner === innerB;
      if (a.dtype !== "float32" || b.dtype !== "float32" || batch === undefined || !matrices) {
        throw shapeError("matmul", [a, b], "float32 [..., rows, inner] and [..., inner, columns]");
      }
      return { dtype: "float32", shape: [...batch, rows, columns] };
    },
    gradient({ inputs: [a, b], dOutput: dy, attributes: { transposeA = false, transposeB = false } }) {
      // In the terms of the plain product A B, with A = aᵀ or a: dA = dy Bᵀ, dB = Aᵀ dy, transposed back.
      const da = transposeA
        ? matmul(b, dy, { transposeA: transposeB, transposeB: true })
        : matmul(dy, b, { transposeB: !transposeB });
      const db = transposeB
        ? matmul(dy, a, { transposeA: true, transposeB: transposeA })
        : matmul(a, dy, { transposeA: !transposeA });
      return [da, db];
    },
    onnx({ emitter, names, output, attributes: { transposeA = false, transposeB = false } }) {
      if (!transposeA && !transposeB) return emitter.node("MatMul", names);
      const attributes = { transA: Number(transposeA), transB: Number(transposeB) };
      if (output.shape.length === 2) return emitter.node("Gemm", names, attributes);
      return emitter.runtimeNode("FusedMatMul", names, attributes);
    },
  },
);

/**
 * y = x Wᵀ + b on a checkpoint's own layout, W stored as [out, in]; dx = dy W, dW = dyᵀ x, db = Σ dy.
 * One ONNX `Gemm` (opset 13) over all rows: [..., in] -> [..., out]
 */
export const linear: Op<[x: Tensor, weight: Tensor, bias?: Tensor]> = defineOp(
  "linear",
  (x, weight, bias) => [[x, weight, ...(bias === undefined ? [] : [bias])], {}],
  {
    isExpensive: true,
    type([x, weight, bias]) {
      const [outputs, inputs] = weight.shape;
      const tensors = bias === undefined ? [x, weight] : [x, weight, bias];
      const float = tensors.every(({ dtype }) => dtype === "float32");
      const biasFits = bias === undefined || (bias.shape.length === 1 && bias.shape[0] === outputs);
      if (!float || weight.shape.length !== 2 || x.shape.at(-1) !== inputs || !biasFits) {
        throw shapeError("linear", tensors, "float32 [..., in], a weight [out, in] and a bias [out]");
      }
      return { dtype: "float32", shape: [...x.shape.slice(0, -1), outputs!] };
    },
    gradient({ inputs: [x, weight, bias], dOutput: dy }) {
      const rows = asMatrix(dy);
      const dx = reshape(matmul(rows, weight), x.shape);
      const dWeight = matmul(rows, asMatrix(x), { transposeA: true });
      return bias === undefined ? [dx, dWeight] : [dx, dWeight, dy];
    },
    onnx({ emitter, names: [x, ...weightAndBias], inputs: [tensor], output }) {
      const rows = productOf(output.shape.slice(0, -1));
      const matrix = emitter.reshape(x!, tensor.shape, [rows, tensor.shape.at(-1)!]);
      const y = emitter.node("Gemm", [matrix, ...weightAndBias], { transB: 1 });
      return emitter.reshape(y, [rows, output.shape.at(-1)!], output.shape);
    },
  },
);
