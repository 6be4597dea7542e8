import { expect, test } from "vitest";
import { tinyInput } from "../../fixtures/tiny-weights.js";
import { evaluateAll } from "../runtime/evaluate.test-support.js";
import {
  gradients,
  HostTensor,
  input,
  linear,
  mul,
  parameterGradients,
  printGraph,
  recompute,
  slice,
  sum,
  tanh,
  topologicalOrder,
  type Parameter,
  type Tensor,
} from "./index.js";

const parameter = (name: string, ...shape: number[]): Parameter => ({
  kind: "parameter",
  name,
  dtype: "float32",
  shape,
});
const random = (name: string, shape: readonly number[]) => new HostTensor("float32", shape, tinyInput(name, shape));
const total = (x: Tensor) => sum(x, { axes: x.shape.map((_, axis) => axis) });

/** Values of outputs over x, with the tiny weights of their parameters. */
async function evaluate(outputs: Readonly<Record<string, Tensor>>, x: HostTensor): Promise<Record<string, HostTensor>> {
  const [values] = await evaluateAll(outputs, [{ x }], ({ name, shape }) => {
    const sizes = shape;
    return { dtype: "float32", shape: sizes, data: new Uint8Array(random(name, sizes).data.buffer) };
  });
  return values!;
}

test("values below a kept value are recomputed from the kept values", () => {
  const x = input("x", "float32", [2]);
  const kept = tanh(mul(tanh(x), 2));
  const loss = total(tanh(mul(kept, 3)));
  const [dx] = recompute(gradients(loss, [x]) as Tensor[], loss, [kept]);
  // tanh(x) is there twice, as %1 and %10; %4 is kept, and %7, above it, is still available.
  expect(printGraph({ loss, dx: dx! })).toMatchInlineSnapshot(`
    "input x: float32[2]
    %1: float32[2] = tanh(x)
    %3: float32[2] = mul(%1, 2)
    %4: float32[2] = tanh(%3)
    %6: float32[2] = mul(%4, 3)
    %7: float32[2] = tanh(%6)
    %8: float32[] = sum(%7, axes: [0], keepDims: false)
    %10: float32[2] = tanh(x)
    %11: float32[2] = mul(%10, %10)
    %12: float32[2] = sub(1, %11)
    %14: float32[2] = mul(%4, %4)
    %15: float32[2] = sub(1, %14)
    %17: float32[2] = mul(%7, %7)
    %18: float32[2] = sub(1, %17)
    %20: float32[1] = reshape(1, shape: [1])
    %21: float32[2] = expand(%20, shape: [2])
    %22: float32[2] = mul(%18, %21)
    %23: float32[2] = mul(%22, 3)
    %24: float32[2] = mul(%15, %23)
    %25: float32[2] = mul(%24, 2)
    %26: float32[2] = mul(%12, %25)
    output loss = %8
    output dx = %26"
  `);
});

test("below the kept values, the backward half reads the kept values alone", () => {
  const x = input("x", "float32", [3, 4]);
  const block = (h: Tensor, i: number) => tanh(linear(tanh(mul(h, h)), parameter(`weight.${i}`, 4, 4)));
  const first = block(x, 0);
  const second = block(first, 1);
  const loss = total(tanh(second));
  const below = new Set<Tensor>(topologicalOrder([second]).filter(({ kind }) => kind === "operation"));
  /** Operations up to `second` that the gradients read; `first` and `second` by name. */
  const reads = (found: readonly Tensor[]): Set<string> => {
    const forward = new Set(topologicalOrder([loss]));
    const backward = topologicalOrder(found).filter((node) => !forward.has(node));
    const read = backward.flatMap((node) => (node.kind === "operation" ? node.inputs : []));
    const name = (node: Tensor) => (node === first ? "first" : node === second ? "second" : "inner");
    return new Set(read.filter((node) => below.has(node)).map(name));
  };
  const plain = gradients(loss, [x]) as Tensor[];
  expect(reads(plain)).toEqual(new Set(["first", "second", "inner"]));
  expect(reads(recompute(plain, loss, [first, second]))).toEqual(new Set(["first", "second"]));
});

test("values and gradients are bit-exact, with parameters read whole and in slices", async () => {
  const x = input("x", "float32", [5, 4]);
  const [both, weight] = [parameter("both", 8, 4), parameter("weight", 4, 4)];
  const block = (h: Tensor) => {
    const gate = tanh(linear(h, slice(both, { axis: 0, start: 0, end: 4 })));
    const value = linear(h, slice(both, { axis: 0, start: 4, end: 8 }));
    return tanh(linear(mul(gate, value), weight));
  };
  const first = block(x);
  const second = block(first);
  const loss = total(mul(second, tanh(second)));
  const parts = parameterGradients(loss, [both, weight]);
  expect(parts.map(({ parameter: { name }, firstElement }) => `${name} ${firstElement}`)).toEqual([
    "both 0",
    "both 16",
    "weight 0",
  ]);
  const plain = [...parts.map(({ gradient }) => gradient), ...(gradients(loss, [x]) as Tensor[])];
  const named = (list: readonly Tensor[]) => ({
    loss,
    ...Object.fromEntries(list.map((gradient, i) => [`gradient${i}`, gradient])),
  });
  const batch = random("x", [5, 4]);
  const expected = await evaluate(named(plain), batch);
  for (const kept of [[first, second], [second], [first]]) {
    const again = recompute(plain, loss, kept);
    expect(again).not.toEqual(plain);
    expect(await evaluate(named(again), batch)).toEqual(expected);
  }
});

test("a kept value may be a factor of a gradient, or a variable of the differentiation", async () => {
  const x = input("x", "float32", [3, 4]);
  const weight = parameter("weight", 3, 4);
  const kept = tanh(tanh(x));
  const loss = total(mul(kept, weight));
  const plain = gradients(loss, [weight, kept, x]) as Tensor[];
  const again = recompute(plain, loss, [kept]);
  expect(again.slice(0, 2)).toEqual(plain.slice(0, 2));
  const named = ([dWeight, dKept, dx]: readonly Tensor[]) => ({ dWeight: dWeight!, dKept: dKept!, dx: dx! });
  const batch = random("x", [3, 4]);
  expect(await evaluate(named(again), batch)).toEqual(await evaluate(named(plain), batch));
});

test("without kept values, or with values that the loss does not read, the gradients are unchanged", () => {
  const x = input("x", "float32", [2]);
  const loss = total(tanh(tanh(x)));
  const plain = gradients(loss, [x]) as Tensor[];
  expect(recompute(plain, loss, [])[0]).toBe(plain[0]);
  expect(recompute(plain, loss, [tanh(mul(x, 2))])[0]).toBe(plain[0]);
});
