/** Every op of the table, one sample after the other: type, refusal, values at two sizes, gradient. */
import { expect, test } from "vitest";
import { tinyInput } from "../../fixtures/tiny-weights.js";
import { centralStep, deviation, float32Tolerance } from "../../fixtures/tolerance.js";
import {
  cast,
  formatType,
  gradients,
  HostTensor,
  input,
  mul,
  sum,
  where,
  type Input,
  type Tensor,
} from "../graph/index.js";
import * as graph from "../graph/index.js";
import { evaluateAll } from "./evaluate.test-support.js";
import { exportedOps, opSamples, type OpName } from "./op-samples/index.test-support.js";
import type { Operand, Sample } from "./op-samples/sample.test-support.js";
import { dot, moved, tabulate } from "./reference.test-support.js";

/** What the named dimensions are in each run of a compiled graph. */
const sizes: readonly Readonly<Record<string, number>>[] = [
  { batch: 2, text: 3 },
  { batch: 3, text: 1 },
];

const opNames = Object.keys(opSamples) as OpName[];
const all = opNames.flatMap((op) =>
  opSamples[op].samples.map((sample) => [`${op}, ${sample.title}`, { op, sample }] as const),
);
const differentiable = all.filter(
  ([, { op, sample }]) => graph[op].isDifferentiable && sample.operands.some(({ dtype }) => dtype === "float32"),
);

const operandNames = ["a", "b", "c"] as const;

/** The op over fresh inputs. */
function built({ operands, build }: Sample): { inputs: Input[]; y: Tensor } {
  const inputs = operands.map(({ dtype, shape }, i) => input(operandNames[i]!, dtype, shape));
  return { inputs, y: build(...inputs) };
}

function valuesOf(operand: Operand, dims: Readonly<Record<string, number>>, seed: string): HostTensor {
  const shape = operand.shape.map((dim) => (typeof dim === "number" ? dim : dims[dim]!));
  const random = tinyInput(`${seed} ${shape.join("x")}`, shape);
  const whole = () => Array.from(random, (u) => Math.floor(((u + 1.5) / 3) * (operand.below ?? 1)));
  if (operand.dtype === "float32") {
    return new HostTensor("float32", shape, random.map(operand.values ?? ((u) => u)));
  }
  return operand.dtype === "int64"
    ? new HostTensor("int64", shape, BigInt64Array.from(whole(), BigInt))
    : new HostTensor(operand.dtype, shape, Uint8Array.from(whole()));
}

function feedsOf(sample: Sample, dims: Readonly<Record<string, number>>): Record<string, HostTensor> {
  return Object.fromEntries(
    sample.operands.map((operand, i) => {
      const name = operandNames[i]!;
      return [name, valuesOf(operand, dims, `${sample.title} ${name}`)];
    }),
  );
}

function reference(sample: Sample, shape: readonly number[], operands: readonly HostTensor[]): number[] {
  return tabulate(shape, (at) => sample.element(at, ...operands));
}

test.each(all)("%s: type", (_, { sample }) => {
  expect(formatType(built(sample).y)).toBe(sample.type);
});

test.each(all)("%s: values", async (_, { sample }) => {
  const feeds = sizes.map((dims) => feedsOf(sample, dims));
  const results = await evaluateAll({ y: built(sample).y }, feeds);
  results.forEach(({ y }, run) => {
    expect(deviation(y!.toArray(), reference(sample, y!.shape, Object.values(feeds[run]!)))).toBeLessThan(1);
  });
});

test.each(differentiable)("%s: gradient agrees with central differences", async (_, { sample }) => {
  const { inputs, y } = built(sample);
  const weights = input("weights", "float32", y.shape);
  const loss = sum(mul(y, weights), { axes: y.shape.map((_, axis) => axis) });
  const floats = inputs.filter(({ dtype }) => dtype === "float32");
  const gradientTensors = gradients(loss, floats);
  const named = Object.fromEntries(floats.map(({ name }, i) => [`d${name}`, gradientTensors[i]!]));
  expect(Object.values(named).map(formatType)).toEqual(floats.map(formatType));

  for (const dims of sizes) {
    const feeds = feedsOf(sample, dims);
    const c = valuesOf({ dtype: "float32", shape: y.shape.map((dim) => evaluateDim(dim, dims)) }, dims, "weights");
    const [result] = await evaluateAll({ loss, ...named }, [{ ...feeds, weights: c }]);
    for (const { name } of floats) {
      const x = feeds[name]!;
      const direction = tinyInput(`direction ${sample.title} ${name}`, x.shape);
      const lossAt = (step: number) => {
        const operands = { ...feeds, [name]: moved(x, direction, step) };
        return dot(reference(sample, c.shape, Object.values(operands)), c.toArray());
      };
      const slope = (lossAt(centralStep) - lossAt(-centralStep)) / (2 * centralStep);
      const ours = dot(result![`d${name}`]!.toArray(), direction);
      expect(deviation([ours], [slope], float32Tolerance), `${name} at ${JSON.stringify(dims)}`).toBeLessThan(1);
    }
  }
});

function evaluateDim(dim: number | string, dims: Readonly<Record<string, number>>): number {
  if (typeof dim === "number") return dim;
  return dim.split("·").reduce((product, factor) => product * (dims[factor] ?? Number(factor)), 1);
}

test.each(all.filter(([, { op }]) => !graph[op].isDifferentiable))("%s: no gradient passes", (_, { sample }) => {
  const { inputs, y } = built(sample);
  const values = y.dtype === "bool" ? where(y, 1, 0) : y.dtype === "int64" ? cast(y, "float32") : y;
  const loss = sum(values, { axes: values.shape.map((_, axis) => axis) });
  expect(gradients(loss, inputs)).toEqual(inputs.map(() => undefined));
});

test("the name of every op is its key in the table", () => {
  expect(opNames.map((name) => graph[name].name)).toEqual(opNames);
  expect([...opNames].sort()).toEqual(exportedOps.sort());
});

test("invalid inputs of ops are errors with a message", () => {
  const messages = opNames.map((op) => {
    try {
      opSamples[op].refused?.();
    } catch (error) {
      return String(error);
    }
    return `${op} takes everything`;
  });
  expect(messages.join("\n")).toMatchInlineSnapshot(`
    "InputError: add(x, y): expected shapes that broadcast, found float32[batch, text, 4] and float32[batch, text, 3].
    InputError: sub(x, y): expected shapes that broadcast, found float32[batch, text, 4] and float32[batch, text, 3].
    InputError: mul(x, y): expected shapes that broadcast, found float32[batch, text, 4] and float32[batch, text, 3].
    InputError: div(x, y): expected shapes that broadcast, found float32[batch, text, 4] and float32[batch, text, 3].
    InputError: maximum(x, y): expected shapes that broadcast, found float32[batch, text, 4] and float32[batch, text, 3].
    InputError: less(x, y): expected shapes that broadcast, found float32[batch, text, 4] and float32[batch, text, 3].
    InputError: equal(x, y): expected shapes that broadcast, found float32[batch, text, 4] and float32[batch, text, 3].
    InputError: exp(ids): expected float32, found int64[batch, text].
    InputError: log(ids): expected float32, found int64[batch, text].
    InputError: sqrt(ids): expected float32, found int64[batch, text].
    InputError: tanh(ids): expected float32, found int64[batch, text].
    InputError: sigmoid(ids): expected float32, found int64[batch, text].
    InputError: relu(ids): expected float32, found int64[batch, text].
    InputError: erf(ids): expected float32, found int64[batch, text].
    InputError: gelu(ids): expected float32, found int64[batch, text].
    InputError: where(x, x, x): expected a bool condition that broadcasts with the values, found float32[batch, text, 4] and float32[batch, text, 4] and float32[batch, text, 4].
    InputError: dropoutMask(x, x): expected float32 and as many uint8 of the same shape, found float32[batch, text, 4] and float32[batch, text, 4].
    cast takes everything
    InputError: sum(x): expected float32 with the distinct axes 1, -2, found float32[batch, text, 4].
    InputError: logSumExp(x): expected float32 with the distinct axes 1, -2, found float32[batch, text, 4].
    InputError: softmax(x): expected float32 with an axis 3, found float32[batch, text, 4].
    InputError: layerNormalization(x, weight, bias): expected float32 with weight and bias of its last axis, found float32[batch, text, 4] and float32[3] and float32[4].
    InputError: standardize(ids): expected float32 with an axis -1, found int64[batch, text].
    InputError: inverseStd(ids): expected float32 with an axis -1, found int64[batch, text].
    InputError: argMax(ids): expected float32 with an axis 2, found int64[batch, text].
    InputError: cumulativeSum(x): expected an axis 3, found float32[batch, text, 4].
    InputError: reshape(x): expected as many elements as [batch, text, 5], found float32[batch, text, 4].
    InputError: transpose(x): expected each of its axes once, not (0, 1, 1), found float32[batch, text, 4].
    InputError: expand(x): expected a shape that broadcasts to [batch, 1, 4], found float32[batch, text, 4].
    InputError: slice(x): expected an axis 2 with the entries 3 to 5, found float32[batch, text, 4].
    InputError: pad(x): expected an axis 1 of known size to pad with 0 and 1, found float32[batch, text, 4].
    InputError: concat(x, x): expected tensors that differ only in the known sizes of axis 1, found float32[batch, text, 4] and float32[batch, text, 4].
    InputError: matmul(x, x): expected float32 [..., rows, inner] and [..., inner, columns], found float32[batch, text, 4] and float32[batch, text, 4].
    InputError: linear(x, weight): expected float32 [..., in], a weight [out, in] and a bias [out], found float32[batch, text, 4] and float32[3, 5].
    InputError: gather(x, x): expected a table of rows and int64 indices, found float32[batch, text, 4] and float32[batch, text, 4].
    InputError: scatterRows(x, ids): expected one row of [3, 5] for each int64 index, found float32[batch, text, 4] and int64[batch, text].
    InputError: gatherElements(x, indices): expected one int64 index for each row of the last axis, found float32[batch, text, 4] and int64[batch].
    InputError: scatterElements(x, ids): expected one value and int64 index for each row of [batch, text, 4], found float32[batch, text, 4] and int64[batch, text]."
  `);
});
