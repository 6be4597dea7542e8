import type { HostTensor, StoredTensor, Tensor } from "../graph/index.js";
import { Runtime, type WeightLookup } from "./index.js";

/** One thread for all tests of a file. */
const runtime = new Runtime();

/** The values of `outputs`: compiled, run once for each of `feeds`, and freed. */
export async function evaluateAll(
  outputs: Readonly<Record<string, Tensor>>,
  feeds: readonly Readonly<Record<string, HostTensor>>[],
  weights: WeightLookup = noWeights,
): Promise<Record<string, HostTensor>[]> {
  const graph = await runtime.compile(outputs, weights);
  try {
    const results: Record<string, HostTensor>[] = [];
    for (const values of feeds) results.push(await graph.run(values));
    return results;
  } finally {
    await graph.dispose();
  }
}

/** The value of one tensor. */
export async function evaluate(
  tensor: Tensor,
  feeds: Readonly<Record<string, HostTensor>> = {},
  weights: WeightLookup = noWeights,
): Promise<HostTensor> {
  const [result] = await evaluateAll({ y: tensor }, [feeds], weights);
  return result!.y!;
}

function noWeights({ name }: { name: string }): StoredTensor {
  throw new Error(`the graph has no weights, asked for ${name}`);
}
