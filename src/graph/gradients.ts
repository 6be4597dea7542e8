/** Reverse-mode differentiation: the loss's gradient is carried back node by node through the ops' own rules. */
import { HostTensor } from "./host-tensor.js";
import { add } from "./ops/elementwise.js";
import { sumTo } from "./ops/movement.js";
import { constant, shapeError, topologicalOrder, type Tensor } from "./tensor.js";

/**
 * ∂loss/∂x for each x in `wrt`, as graphs of the same shape.
 * @param loss a float32 scalar
 * @returns in the order of `wrt`; `undefined` for a tensor that the loss does not depend on
 * @example
 * const x = input("x", "float32", []);
 * const [dx] = gradients(mul(x, x), [x]);
 * console.log(formatType(dx!)); // float32[]
 */
export function gradients(loss: Tensor, wrt: readonly Tensor[]): (Tensor | undefined)[] {
  if (loss.dtype !== "float32" || loss.shape.length !== 0)
    throw shapeError("gradients", [loss], "a float32 scalar loss");
  const order = topologicalOrder([loss]);
  const reaches = nodesAbove(order, new Set(wrt));
  const gradientOf = new Map<Tensor, Tensor>([[loss, constant(new HostTensor("float32", [], new Float32Array([1])))]]);
  for (const node of order.reverse()) {
    const dOutput = gradientOf.get(node);
    if (node.kind !== "operation" || dOutput === undefined || !reaches.has(node)) continue;
    if (node.pullback === undefined) continue;
    node.pullback(dOutput).forEach((dInput, i) => {
      const x = node.inputs[i]!;
      if (dInput === undefined || x.dtype !== "float32" || !reaches.has(x)) return;
      const contribution = sumTo(dInput, x.shape);
      const sofar = gradientOf.get(x);
      gradientOf.set(x, sofar === undefined ? contribution : add(sofar, contribution));
    });
  }
  return wrt.map((x) => gradientOf.get(x));
}

/** The nodes that depend on one of `leaves`, the leaves included: all others need no gradient. */
function nodesAbove(order: readonly Tensor[], leaves: ReadonlySet<Tensor>): Set<Tensor> {
  const above = new Set<Tensor>();
  for (const node of order) {
    if (leaves.has(node) || (node.kind === "operation" && node.inputs.some((x) => above.has(x)))) above.add(node);
  }
  return above;
}
