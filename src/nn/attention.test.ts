import { expect, test } from "vitest";
import { tinyInput } from "../../fixtures/tiny-weights.js";
import { deviation, runtimeStep, slopeTolerance } from "../../fixtures/tolerance.js";
import { constant, gradients, HostTensor, input, mul, sum, type Tensor } from "../graph/index.js";
import { evaluateAll } from "../runtime/evaluate.test-support.js";
import { dot, moved } from "../runtime/reference.test-support.js";
import { attend, splitContext } from "./index.js";

const hidden = 6;
const queries = 2;
const tokens = 3;
const random = (name: string, count: number) =>
  new HostTensor("float32", [1, count, hidden], tinyInput(name, [1, count, hidden]));
const feeds = { query: random("query", queries), key: random("key", tokens), value: random("value", tokens) };

function attention(headCount: number) {
  const tensor = (name: string) => input(name, "float32", ["batch", name === "query" ? "queries" : "tokens", hidden]);
  const mask = input("mask", "float32", ["batch", 1, 1, "tokens"]);
  return attend(tensor("query"), splitContext(tensor("key"), tensor("value"), headCount), headCount, { bias: mask });
}

const maskOf = (values: readonly number[]) => new HostTensor("float32", [1, 1, 1, tokens], Float32Array.from(values));

async function run(headCount: number, mask: readonly number[]) {
  const [result] = await evaluateAll({ ...attention(headCount) }, [{ ...feeds, mask: maskOf(mask) }]);
  return { output: result!.output!, probabilities: result!.probabilities! };
}

/** The definition, one head and one query at a time. */
function reference(headCount: number, mask: readonly number[]): { output: number[]; probabilities: number[] } {
  const size = hidden / headCount;
  const output = new Array<number>(queries * hidden).fill(0);
  const probabilities: number[] = [];
  for (let head = 0; head < headCount; head++) {
    const columns = Array.from({ length: size }, (_, i) => head * size + i);
    for (let q = 0; q < queries; q++) {
      const exponentials = Array.from({ length: tokens }, (_, t) => {
        const product = columns.reduce((sum, c) => sum + feeds.query.at(0, q, c) * feeds.key.at(0, t, c), 0);
        return Math.exp(product / Math.sqrt(size) + mask[t]!);
      });
      const total = exponentials.reduce((a, b) => a + b);
      const weights = exponentials.map((e) => e / total);
      probabilities.push(...weights);
      for (const c of columns) {
        output[q * hidden + c] = weights.reduce((sum, weight, t) => sum + weight * feeds.value.at(0, t, c), 0);
      }
    }
  }
  return { output, probabilities };
}

test.each([1, 2, 3])("attention of %i heads is its definition", async (headCount) => {
  const mask = [0, -0.5, 1];
  const { output, probabilities } = await run(headCount, mask);
  const expected = reference(headCount, mask);
  expect(output.shape).toEqual([1, queries, hidden]);
  expect(probabilities.shape).toEqual([1, headCount, queries, tokens]);
  expect(deviation(output.data as Float32Array, expected.output)).toBeLessThan(1);
  expect(deviation(probabilities.data as Float32Array, expected.probabilities)).toBeLessThan(1);
});

test("a masked token has no weight, and its value does not matter", async () => {
  const maxNegative = -3.4028234663852886e38;
  const { output, probabilities } = await run(2, [0, maxNegative, 0]);
  for (const row of [0, 1, 2, 3]) expect(probabilities.data[3 * row + 1]).toBe(0);
  const changed = new HostTensor("float32", feeds.value.shape, feeds.value.data.slice());
  changed.data.fill(99, hidden, 2 * hidden);
  const [again] = await evaluateAll({ ...attention(2) }, [
    { ...feeds, value: changed, mask: maskOf([0, maxNegative, 0]) },
  ]);
  expect(again!.output).toEqual(output);
});

test("if every token is masked, all have equal weights, as in PyTorch", async () => {
  const { probabilities } = await run(
    1,
    [0, 0, 0].map(() => -3.4028234663852886e38),
  );
  expect(deviation(probabilities.data as Float32Array, new Array<number>(6).fill(1 / 3))).toBeLessThan(1);
});

// The gradient through dropout was that of the last op that the mask is made of.
test("gradients of query, key and value agree with central differences, for dropout masks of any ops", async () => {
  const tensor = (name: string, count: number) => input(name, "float32", [1, count, hidden]);
  const [query, key, value] = [tensor("query", queries), tensor("key", tokens), tensor("value", tokens)];
  const entries = Float32Array.from({ length: 2 * queries * tokens }, (_, i) => (i % 3 === 0 ? 0 : 1.5));
  const mask = constant(new HostTensor("float32", [1, 2, queries, tokens], entries));
  const dropout = () => (x: Tensor) => mul(mul(x, mask), 2);
  const { output } = attend(query, splitContext(key, value, 2), 2, { dropout });
  const loss = sum(mul(output, tensor("weights", queries)), { axes: [0, 1, 2] });
  const [dQuery, dKey, dValue] = gradients(loss, [query, key, value]);
  const all = { ...feeds, weights: random("weights", queries) };
  const [ours] = await evaluateAll({ dquery: dQuery!, dkey: dKey!, dvalue: dValue! }, [all]);
  for (const name of ["query", "key", "value"] as const) {
    const direction = tinyInput(`direction ${name}`, feeds[name].shape);
    const at = (step: number) => {
      const { shape, data } = moved(feeds[name], direction, step);
      return { ...all, [name]: new HostTensor("float32", shape, Float32Array.from(data as Float64Array)) };
    };
    const [high, low] = await evaluateAll({ loss }, [at(runtimeStep), at(-runtimeStep)]);
    const slope = (high!.loss!.at() - low!.loss!.at()) / (2 * runtimeStep);
    expect(deviation([dot(ours![`d${name}`]!.toArray(), direction)], [slope], slopeTolerance), name).toBeLessThan(1);
  }
});
