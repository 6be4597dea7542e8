/**
 * For every op: uses of it with the formula of one element, and a use that its type rule must refuse. The table's type
 * asks for an entry for each op, so that a new op cannot go untested.
 */
import type { OpName } from "../../graph/index.js";
import { elementwiseSamples } from "./elementwise.test-support.js";
import { indexingSamples } from "./indexing.test-support.js";
import { matmulSamples } from "./matmul.test-support.js";
import { movementSamples } from "./movement.test-support.js";
import { reduceSamples } from "./reduce.test-support.js";
import type { OpSamples } from "./sample.test-support.js";

export const opSamples: Readonly<Record<OpName, OpSamples>> = {
  ...elementwiseSamples,
  ...reduceSamples,
  ...movementSamples,
  ...matmulSamples,
  ...indexingSamples,
};
