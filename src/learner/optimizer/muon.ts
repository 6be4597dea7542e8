/**
 * The direction in which Muon updates a matrix: the momentum with all singular values near 1, so that directions with small gradients
 * learn, too. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024;
 * `torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`, but in float32 throughout.
 */
import {
  add,
  concat,
  div,
  matmul,
  maximum,
  mul,
  reshape,
  slice,
  sqrt,
  sum,
  type Parameter,
  type Tensor,
} from "../../graph/index.js";
import { Runtime, type Arrays, type TrainingGraph } from "../../runtime/index.js";

/** A parameter whose rows are one matrix, or several below each other. */
export interface Stacked {
  readonly name: string;
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
}

/**
 * The matrix that Muon updates, if the parameter belongs to a layer: not tables, heads and the first layer, whose rows or columns are words,
 * classes and pixels. The projection of queries, keys and values of the vision tower is three.
 */
export function muonMatrix(name: string, shape: readonly number[]): Stacked | undefined {
  const [rows, columns] = shape;
  if (shape.length !== 2 || !/^(vision_model\.|text_model\.encoder\.|cross_modal_)/.test(name)) return undefined;
  if (/embedding/.test(name)) return undefined;
  const count = name.endsWith("in_proj_weight") ? 3 : 1;
  return { name, count, rows: rows! / count, columns: columns! };
}

/** Gives an update the root mean square 0.2 of AdamW's updates: Liu et al., "Muon is scalable for LLM training", 2025. */
export const muonScale = ({ rows, columns }: Stacked): number => 0.2 * Math.sqrt(Math.max(rows, columns));

/** Of x ↦ a·x + b·x³ + c·x⁵, which takes the singular values (0, 1] to about 1 within `rounds`; Jordan's. */
const [a, b, c] = [3.4445, -4.775, 2.0315];
const rounds = 5;

/** Orthogonalizes each of the matrices [matrices, rows, columns]. */
function orthogonal(matrices: Tensor): Tensor {
  const [, rows, columns] = matrices.shape as readonly [number, number, number];
  const length = sqrt(sum(mul(matrices, matrices), { axes: [1, 2], keepDims: true }));
  // The smaller of x xᵀ and xᵀ x is computed.
  const wide = rows <= columns;
  let x = div(matrices, maximum(length, 1e-7));
  for (let round = 0; round < rounds; round++) {
    const gram = matmul(x, x, wide ? { transposeB: true } : { transposeA: true });
    const rest = add(mul(gram, b), mul(matmul(gram, gram), c));
    x = add(mul(x, a), wide ? matmul(rest, x) : matmul(x, rest));
  }
  return x;
}

/** Update directions of many parameters in one run of a graph, in a separate session worker. */
export class Orthogonalizer {
  private readonly runtime = new Runtime();
  private graph: Promise<TrainingGraph> | undefined;

  constructor(
    private readonly parameters: readonly Stacked[],
    private readonly threads: number,
  ) {}

  /** @param momenta of every parameter, by name; each is overwritten with its direction */
  async makeOrthogonal(momenta: Arrays): Promise<void> {
    this.graph ??= this.runtime.compileTraining(directionsOf(this.parameters), [], { threads: this.threads });
    const directions = await (await this.graph).run({}, momenta, new Map());
    for (const [name, { data }] of Object.entries(directions)) momenta.get(name)!.set(data as Float32Array);
  }

  /** Ends the thread. */
  dispose(): Promise<void> {
    return this.runtime.dispose();
  }
}

/** Matrices of one shape are multiplied together. */
function directionsOf(parameters: readonly Stacked[]): Record<string, Tensor> {
  const byShape = new Map<string, Stacked[]>();
  for (const parameter of parameters) {
    const shape = `${parameter.rows} ${parameter.columns}`;
    byShape.set(shape, [...(byShape.get(shape) ?? []), parameter]);
  }
  const outputs: Record<string, Tensor> = {};
  for (const group of byShape.values()) {
    const stack = group.map(({ name, count, rows, columns }): Tensor => {
      const parameter: Parameter = { kind: "parameter", name, dtype: "float32", shape: [count * rows, columns] };
      return reshape(parameter, [count, rows, columns]);
    });
    const all = orthogonal(concat(stack, 0));
    let start = 0;
    for (const { name, count } of group) outputs[name] = slice(all, { axis: 0, start, end: (start += count) });
  }
  return outputs;
}
