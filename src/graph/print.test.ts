import { expect, test } from "vitest";
import { attend, linear, Scope, splitContext } from "../nn/index.js";
import { gradients, input, mul, printGraph, sum } from "./index.js";

/** One head of two columns, projected from x. */
function attention() {
  const p = Scope.root();
  const x = input("x", "float32", ["batch", "text", 2]);
  const project = (name: string) => linear(p.at(name), x, 2);
  const { output } = attend(project("query"), splitContext(project("key"), project("value"), 1), 1);
  return { p, x, output };
}

test("an attention block reads line by line", () => {
  expect(printGraph({ attended: attention().output })).toMatchInlineSnapshot(`
    "input x: float32[batch, text, 2]
    %3: float32[batch, text, 2] = linear(x, query.weight, query.bias)
    %5: float32[batch, text, 2] = mul(%3, 0.7071067690849304)
    %6: float32[batch, text, 1, 2] = reshape(%5, shape: [batch, text, 1, 2])
    %7: float32[batch, 1, text, 2] = transpose(%6, permutation: [0, 2, 1, 3])
    %10: float32[batch, text, 2] = linear(x, key.weight, key.bias)
    %11: float32[batch, text, 1, 2] = reshape(%10, shape: [batch, text, 1, 2])
    %12: float32[batch, 1, 2, text] = transpose(%11, permutation: [0, 2, 3, 1])
    %13: float32[batch, 1, text, text] = matmul(%7, %12)
    %14: float32[batch, 1, text, text] = softmax(%13, axis: -1)
    %17: float32[batch, text, 2] = linear(x, value.weight, value.bias)
    %18: float32[batch, text, 1, 2] = reshape(%17, shape: [batch, text, 1, 2])
    %19: float32[batch, 1, text, 2] = transpose(%18, permutation: [0, 2, 1, 3])
    %20: float32[batch, 1, text, 2] = matmul(%14, %19)
    %21: float32[batch, 1, text, 2] = attention(%20, %13, %19, %14, %14)
    %22: float32[batch, text, 1, 2] = transpose(%21, permutation: [0, 2, 1, 3])
    %23: float32[batch, text, 2] = reshape(%22, shape: [batch, text, 2])
    output attended = %23"
  `);
});

test("and so does its gradient", () => {
  const { p, output } = attention();
  const loss = sum(mul(output, output), { axes: [0, 1, 2] });
  const [dWeight] = gradients(loss, [p.at("value").parameter("weight", [2, 2])]);
  expect(printGraph({ dWeight: dWeight! })).toMatchInlineSnapshot(`
    "input x: float32[batch, text, 2]
    %3: float32[batch, text, 2] = linear(x, query.weight, query.bias)
    %5: float32[batch, text, 2] = mul(%3, 0.7071067690849304)
    %6: float32[batch, text, 1, 2] = reshape(%5, shape: [batch, text, 1, 2])
    %7: float32[batch, 1, text, 2] = transpose(%6, permutation: [0, 2, 1, 3])
    %10: float32[batch, text, 2] = linear(x, key.weight, key.bias)
    %11: float32[batch, text, 1, 2] = reshape(%10, shape: [batch, text, 1, 2])
    %12: float32[batch, 1, 2, text] = transpose(%11, permutation: [0, 2, 3, 1])
    %13: float32[batch, 1, text, text] = matmul(%7, %12)
    %14: float32[batch, 1, text, text] = softmax(%13, axis: -1)
    %16: float32[1, 1, 1] = reshape(1, shape: [1, 1, 1])
    %17: float32[batch, text, 2] = expand(%16, shape: [batch, text, 2])
    %20: float32[batch, text, 2] = linear(x, value.weight, value.bias)
    %21: float32[batch, text, 1, 2] = reshape(%20, shape: [batch, text, 1, 2])
    %22: float32[batch, 1, text, 2] = transpose(%21, permutation: [0, 2, 1, 3])
    %23: float32[batch, 1, text, 2] = matmul(%14, %22)
    %24: float32[batch, 1, text, 2] = attention(%23, %13, %22, %14, %14)
    %25: float32[batch, text, 1, 2] = transpose(%24, permutation: [0, 2, 1, 3])
    %26: float32[batch, text, 2] = reshape(%25, shape: [batch, text, 2])
    %27: float32[batch, text, 2] = mul(%17, %26)
    %28: float32[batch, text, 2] = mul(%17, %26)
    %29: float32[batch, text, 2] = add(%27, %28)
    %30: float32[batch, text, 1, 2] = reshape(%29, shape: [batch, text, 1, 2])
    %31: float32[batch, 1, text, 2] = transpose(%30, permutation: [0, 2, 1, 3])
    %32: float32[batch, 1, text, 2] = matmul(%14, %31, transposeA: true)
    %33: float32[batch, text, 1, 2] = transpose(%32, permutation: [0, 2, 1, 3])
    %34: float32[batch, text, 2] = reshape(%33, shape: [batch, text, 2])
    %35: float32[batch·text, 2] = reshape(%34, shape: [batch·text, 2])
    %36: float32[batch·text, 2] = reshape(x, shape: [batch·text, 2])
    %37: float32[2, 2] = matmul(%35, %36, transposeA: true)
    output dWeight = %37"
  `);
});

test("nodes that no output needs are omitted", () => {
  const a = input("a", "float32", []);
  const b = input("b", "float32", []);
  const outputs = { double: mul(a, 2), product: mul(a, b) };
  expect(printGraph({ double: outputs.double })).toBe(
    "input a: float32[]\n%2: float32[] = mul(a, 2)\noutput double = %2",
  );
  expect(printGraph(outputs)).toContain("input b");
});
