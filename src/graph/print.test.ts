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
    %4: float32[batch, text, 1, 2] = reshape(%3, shape: [batch, text, 1, 2])
    %5: float32[batch, 1, text, 2] = transpose(%4, permutation: [0, 2, 1, 3])
    %8: float32[batch, text, 2] = linear(x, key.weight, key.bias)
    %9: float32[batch, text, 1, 2] = reshape(%8, shape: [batch, text, 1, 2])
    %10: float32[batch, 1, 2, text] = transpose(%9, permutation: [0, 2, 3, 1])
    %11: float32[batch, 1, text, text] = matmul(%5, %10)
    %13: float32[batch, 1, text, text] = mul(%11, 0.7071067690849304)
    %14: float32[batch, 1, text, text] = softmax(%13, axis: -1)
    %17: float32[batch, text, 2] = linear(x, value.weight, value.bias)
    %18: float32[batch, text, 1, 2] = reshape(%17, shape: [batch, text, 1, 2])
    %19: float32[batch, 1, text, 2] = transpose(%18, permutation: [0, 2, 1, 3])
    %20: float32[batch, 1, text, 2] = matmul(%14, %19)
    %21: float32[batch, text, 1, 2] = transpose(%20, permutation: [0, 2, 1, 3])
    %22: float32[batch, text, 2] = reshape(%21, shape: [batch, text, 2])
    output attended = %22"
  `);
});

test("and so does its gradient", () => {
  const { p, output } = attention();
  const loss = sum(mul(output, output), { axes: [0, 1, 2] });
  const [dWeight] = gradients(loss, [p.at("value").parameter("weight", [2, 2])]);
  expect(printGraph({ dWeight: dWeight! })).toMatchInlineSnapshot(`
    "input x: float32[batch, text, 2]
    %3: float32[batch, text, 2] = linear(x, query.weight, query.bias)
    %4: float32[batch, text, 1, 2] = reshape(%3, shape: [batch, text, 1, 2])
    %5: float32[batch, 1, text, 2] = transpose(%4, permutation: [0, 2, 1, 3])
    %8: float32[batch, text, 2] = linear(x, key.weight, key.bias)
    %9: float32[batch, text, 1, 2] = reshape(%8, shape: [batch, text, 1, 2])
    %10: float32[batch, 1, 2, text] = transpose(%9, permutation: [0, 2, 3, 1])
    %11: float32[batch, 1, text, text] = matmul(%5, %10)
    %13: float32[batch, 1, text, text] = mul(%11, 0.7071067690849304)
    %14: float32[batch, 1, text, text] = softmax(%13, axis: -1)
    %15: float32[batch, 1, text, text] = transpose(%14, permutation: [0, 1, 3, 2])
    %17: float32[1, 1, 1] = reshape(1, shape: [1, 1, 1])
    %18: float32[batch, text, 2] = expand(%17, shape: [batch, text, 2])
    %21: float32[batch, text, 2] = linear(x, value.weight, value.bias)
    %22: float32[batch, text, 1, 2] = reshape(%21, shape: [batch, text, 1, 2])
    %23: float32[batch, 1, text, 2] = transpose(%22, permutation: [0, 2, 1, 3])
    %24: float32[batch, 1, text, 2] = matmul(%14, %23)
    %25: float32[batch, text, 1, 2] = transpose(%24, permutation: [0, 2, 1, 3])
    %26: float32[batch, text, 2] = reshape(%25, shape: [batch, text, 2])
    %27: float32[batch, text, 2] = mul(%18, %26)
    %28: float32[batch, text, 2] = mul(%18, %26)
    %29: float32[batch, text, 2] = add(%27, %28)
    %30: float32[batch, text, 1, 2] = reshape(%29, shape: [batch, text, 1, 2])
    %31: float32[batch, 1, text, 2] = transpose(%30, permutation: [0, 2, 1, 3])
    %32: float32[batch, 1, text, 2] = matmul(%15, %31)
    %33: float32[batch, text, 1, 2] = transpose(%32, permutation: [0, 2, 1, 3])
    %34: float32[batch, text, 2] = reshape(%33, shape: [batch, text, 2])
    %35: float32[batch·text, 2] = reshape(%34, shape: [batch·text, 2])
    %36: float32[2, batch·text] = transpose(%35, permutation: [1, 0])
    %37: float32[batch·text, 2] = reshape(x, shape: [batch·text, 2])
    %38: float32[2, 2] = matmul(%36, %37)
    output dWeight = %38"
  `);
});

test("what no output needs is left out", () => {
  const a = input("a", "float32", []);
  const b = input("b", "float32", []);
  const outputs = { double: mul(a, 2), product: mul(a, b) };
  expect(printGraph({ double: outputs.double })).toBe(
    "input a: float32[]\n%2: float32[] = mul(a, 2)\noutput double = %2",
  );
  expect(printGraph(outputs)).toContain("input b");
});
