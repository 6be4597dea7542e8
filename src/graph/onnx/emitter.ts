import type { DType } from "../dtype.js";
import type { Dim, Parameter, Tensor } from "../tensor.js";

/** Attribute of an ONNX node: integers as they are, floats marked, since ONNX tells them apart. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** What an op's ONNX rule may do. Every method returns the name of a value; equal constants and shapes are shared. */
export interface Emitter {
  /** The value that holds a tensor. */
  nameOf(tensor: Tensor): string;
  /** Adds a node of the default domain with one output. */
  node(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, OnnxAttribute>>): string;
  /** An int64 constant: a scalar for a number, else one-dimensional. */
  ints(values: number | readonly number[]): string;
  /** A scalar zero. */
  zero(dtype: DType): string;
  /** A one-dimensional int64 tensor of sizes, computed when the graph runs where they have names. */
  shape(dims: readonly Dim[]): string;
  /** As `shape`, but with ONNX's 0 (size of the same input axis) and −1 (what remains) where they save computing. */
  reshapeTarget(from: readonly Dim[], to: readonly Dim[]): string;
  /** A run of a parameter's elements under another shape, in place: no node, no copy. */
  parameterView(parameter: Parameter, view: { shape: readonly number[]; firstElement: number }): string;
}
