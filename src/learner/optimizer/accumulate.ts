/**
 * sum += gradients, parameter by parameter and in place: gradients of several micro-batches become those of one step, with
 * `gradientScale` 1 / (number of micro-batches) for their mean. A parameter that the sum lacks is added to it, as the same array.
 */
export function addInto(sum: Map<string, Float32Array>, gradients: ReadonlyMap<string, Float32Array>): void {
  for (const [name, gradient] of gradients) {
    const total = sum.get(name);
    if (total === undefined) {
      sum.set(name, gradient);
      continue;
    }
    if (total.length !== gradient.length) {
      throw new RangeError(
        `addInto: ${name} has ${total.length} values in the sum and ${gradient.length} in the gradients`,
      );
    }
    for (let i = 0; i < total.length; i++) total[i]! += gradient[i]!;
  }
}
