import type { DType } from "../dtype.js";
import type { Dim, Parameter, Tensor } from "../tensor.js";

/** Attribute of an ONNX node: plain integers, and marked floats, because ONNX has a type for each. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** The functions of an op's ONNX rule. Every method returns the name of a value. Equal constants and shapes are shared. */
export interface Emitter {
  /** The value of a tensor. */
  nameOf(tensor: Tensor): string;
  /** Adds a node of the default domain with one output. */
  node(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, OnnxAttribute>>): string;
  /** The outputs of a node of the default domain that has several: one node for equal inputs and attributes. */
  outputs(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
    count: number,
  ): readonly string[];
  /** Adds a node of one of ONNX Runtime's own operators (`com.microsoft`), for graphs that only it runs. */
  runtimeNode(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, OnnxAttribute>>): string;
  /** An int64 constant: a scalar for a number, else one-dimensional. */
  ints(values: number | readonly number[]): string;
  /** A scalar zero. */
  zero(dtype: DType): string;
  /** A one-dimensional int64 tensor of sizes, computed when the graph runs if they have names. */
  shape(dims: readonly Dim[]): string;
  /** The same elements under another shape. Written only when a node needs that shape: a reshape of a reshape is one. */
  reshape(value: string, from: readonly Dim[], to: readonly Dim[]): string;
  /**
   * An element-wise node. If all operands are reshapes from one shape, or scalars, it uses the sources of the reshapes, and its own output
   * is reshaped.
   */
  elementwise(op: string, operands: readonly { readonly name: string; readonly shape: readonly Dim[] }[]): string;
  /** A run of a parameter's elements under another shape, in place: no node, no copy. */
  parameterView(parameter: Parameter, view: { shape: readonly number[]; firstElement: number }): string;
}
