/** What a use of an op is, and what the tables of all families share. */
import { input, type Dim, type HostTensor, type Tensor } from "../../graph/index.js";

/** An operand: an input of the graph, filled with random values. */
export interface Operand {
  readonly dtype: "float32" | "int64" | "bool" | "uint8";
  readonly shape: readonly Dim[];
  /** Values of floats, from a random number in −1.5..1.5; of whole numbers: 0 up to `below`, exclusive. */
  readonly values?: (random: number) => number;
  readonly below?: number;
}

export interface Sample {
  readonly title: string;
  readonly operands: readonly Operand[];
  readonly build: (...operands: Tensor[]) => Tensor;
  /** As `formatType` writes the type of what `build` returns. */
  readonly type: string;
  /** y[at]; takes operands of float64 too, for central differences. */
  readonly element: (at: readonly number[], ...operands: HostTensor[]) => number;
}

export interface OpSamples {
  readonly samples: readonly [Sample, ...Sample[]];
  /** Makes the type rule throw; `undefined` for an op that takes everything. */
  readonly refused: (() => Tensor) | undefined;
}

export const float = (...shape: Dim[]): Operand => ({ dtype: "float32", shape });
export const above = (low: number, operand: Operand): Operand => ({ ...operand, values: (u) => low + Math.abs(u) });
export const awayFrom0 = (operand: Operand): Operand => ({ ...operand, values: (u) => u + 0.1 * Math.sign(u) });
export const int = (below: number, ...shape: Dim[]): Operand => ({ dtype: "int64", shape, below });
export const bool = (...shape: Dim[]): Operand => ({ dtype: "bool", shape, below: 2 });

export const byte = (...shape: Dim[]): Operand => ({ dtype: "uint8", shape, below: 256 });

/** For uses that are refused. */
export const x = input("x", "float32", ["batch", "text", 4]);
export const ids = input("ids", "int64", ["batch", "text"]);

export const rows = float("batch", "text", 4);

export function one(sample: Omit<Sample, "title">, refused: OpSamples["refused"]): OpSamples {
  return { samples: [{ title: "named dimensions", ...sample }], refused };
}
