/** A graph as text, one node a line, for reading and for snapshot tests. */
import { formatType, topologicalOrder, type Tensor } from "./tensor.js";

/**
 * `%7: float32[batch, text, 768] = layerNormalization(%6, ln.weight, ln.bias, epsilon: 0.00001)`, then one line
 * for each output. Inputs and parameters are printed by name.
 * @example
 * console.log(printGraph({ y: exp(input("x", "float32", ["batch"])) }).split("\n")[1]); // %1: float32[batch] = exp(x)
 */
export function printGraph(outputs: Readonly<Record<string, Tensor>>): string {
  const lines: string[] = [];
  const names = new Map<Tensor, string>();
  for (const node of topologicalOrder(Object.values(outputs))) {
    switch (node.kind) {
      case "input":
        lines.push(`input ${node.name}: ${formatType(node)}`);
        names.set(node, node.name);
        break;
      case "parameter":
        names.set(node, node.name);
        break;
      case "constant":
        names.set(node, node.shape.length === 0 ? String(node.value.at()) : `constant ${formatType(node)}`);
        break;
      case "operation": {
        const name = `%${names.size}`;
        const operands = node.inputs.map((x) => names.get(x)!);
        const attributes = Object.entries(node.attributes).map(
          ([key, value]) => `${key}: ${typeof value === "object" ? `[${value.join(", ")}]` : String(value)}`,
        );
        lines.push(`${name}: ${formatType(node)} = ${node.op.name}(${[...operands, ...attributes].join(", ")})`);
        names.set(node, name);
      }
    }
  }
  for (const [name, tensor] of Object.entries(outputs)) lines.push(`output ${name} = ${names.get(tensor)!}`);
  return lines.join("\n");
}
