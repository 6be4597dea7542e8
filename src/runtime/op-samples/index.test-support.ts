/**
 * For every op: uses of it with the formula of one element, and a use that its type rule must refuse. The table's type
 * asks for an entry for each op that the graph exports, so that a new op cannot go untested.
 */
import * as graph from "../../graph/index.js";
import { elementwiseSamples } from "./elementwise.test-support.js";
import { indexingSamples } from "./indexing.test-support.js";
import { matmulSamples } from "./matmul.test-support.js";
import { movementSamples } from "./movement.test-support.js";
import { reduceSamples } from "./reduce.test-support.js";
import type { OpSamples } from "./sample.test-support.js";

type Graph = typeof graph;
export type OpName = {
  [Name in keyof Graph]: Graph[Name] extends { readonly isDifferentiable: boolean } ? Name : never;
}[keyof Graph];

/** The exports of the graph that are ops. */
export const exportedOps = Object.entries(graph).flatMap(([name, value]) =>
  typeof value === "function" && "isDifferentiable" in value ? [name] : [],
);

export const opSamples: Readonly<Record<OpName, OpSamples>> = {
  ...elementwiseSamples,
  ...reduceSamples,
  ...movementSamples,
  ...matmulSamples,
  ...indexingSamples,
};
