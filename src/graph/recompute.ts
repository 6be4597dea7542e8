/** Activation checkpointing: the backward half computes the values between kept ones again instead of storing them. */
import { topologicalOrder, type Operation, type Tensor } from "./tensor.js";

/**
 * The same gradients, reading of the forward half only `kept` and what comes after it; all below is computed a second time,
 * from the kept values, if a gradient needs it. Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016.
 * @param gradients what `gradients(loss, …)` gave
 * @param kept values of the forward half, such as the states between blocks
 * @example
 * const x = input("x", "float32", [2]);
 * const kept = tanh(mul(tanh(x), 2));
 * const loss = sum(tanh(kept), { axes: [0] });
 * const dx = recompute(gradients(loss, [x]).map((gradient) => gradient!), loss, [kept]);
 * console.log(dx.map(formatType).join()); // float32[2]
 */
export function recompute(gradients: readonly Tensor[], loss: Tensor, kept: readonly Tensor[]): Tensor[] {
  const keep = new Set(kept);
  const forward = new Set(topologicalOrder([loss]));
  /** Forward nodes that lead to a kept value: the others are read soon after they are made. */
  const below = new Set(topologicalOrder(kept.filter((node) => forward.has(node))));
  const isComputedAgain = (node: Tensor): node is Operation =>
    node.kind === "operation" && below.has(node) && !keep.has(node);

  const copies = new Map<Tensor, Tensor>();
  for (const node of below) {
    if (isComputedAgain(node)) copies.set(node, node.withInputs(node.inputs.map((x) => copies.get(x) ?? x)));
  }
  const rewritten = new Map<Tensor, Tensor>(copies);
  for (const node of topologicalOrder(gradients)) {
    if (forward.has(node) || node.kind !== "operation") continue;
    const inputs = node.inputs.map((x) => rewritten.get(x) ?? x);
    if (inputs.some((x, i) => x !== node.inputs[i])) rewritten.set(node, node.withInputs(inputs));
  }
  return gradients.map((node) => rewritten.get(node) ?? node);
}
