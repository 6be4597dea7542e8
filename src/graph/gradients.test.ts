import { expect, test } from "vitest";
import { evaluateAll } from "../runtime/evaluate.test-support.js";
import {
  add,
  exp,
  gather,
  gradients,
  HostTensor,
  input,
  mul,
  printGraph,
  sum,
  tanh,
  withGradient,
  type Tensor,
} from "./index.js";

const scalar = (value: number) => new HostTensor("float32", [], Float32Array.of(value));
const a = input("a", "float32", []);
const b = input("b", "float32", []);

test("a tensor that the loss does not depend on has none", () => {
  const ids = input("ids", "int64", ["batch"]);
  const table = input("table", "float32", [5]);
  const loss = sum(gather(table, ids), { axes: [0] });
  expect(gradients(loss, [a, table, ids]).map((gradient) => gradient !== undefined)).toEqual([false, true, false]);
});

test("the gradients of all uses of a tensor add up", async () => {
  const shared = exp(a);
  const loss = add(mul(shared, shared), mul(shared, b));
  const [da, dShared] = gradients(loss, [a, shared]);
  const [result] = await evaluateAll({ da: da!, dShared: dShared! }, [{ a: scalar(Math.LN2), b: scalar(3) }]);
  expect(result!.dShared!.at()).toBeCloseTo(7, 5);
  expect(result!.da!.at()).toBeCloseTo(14, 5);
});

test("a broadcast operand's gradient has the operand's shape", async () => {
  const row = input("row", "float32", [1, 2]);
  const x = input("x", "float32", ["batch", 3, 2]);
  const [dRow] = gradients(sum(mul(x, row), { axes: [0, 1, 2] }), [row]);
  const value = new HostTensor("float32", [1, 3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
  const [result] = await evaluateAll({ dRow: dRow! }, [{ x: value }]);
  expect(result!.dRow).toEqual(new HostTensor("float32", [1, 2], Float32Array.of(9, 12)));
});

test("only paths from the loss to the requested tensors are differentiated", () => {
  const [da] = gradients(add(mul(a, 2), tanh(exp(b))), [a]);
  expect(printGraph({ da: da! })).toBe("%2: float32[] = mul(1, 2)\noutput da = %2");
});

test("the loss's own gradient is 1", async () => {
  const loss = mul(a, 2);
  const [dLoss] = gradients(loss, [loss]);
  const [result] = await evaluateAll({ dLoss: dLoss! }, [{}]);
  expect(result!.dLoss!.at()).toBe(1);
});

test("a chain of ten thousand operations does not overflow the stack", () => {
  let x: Tensor = a;
  for (let i = 0; i < 10_000; i++) x = tanh(x);
  expect(gradients(x, [a])[0]).toBeDefined();
});

test("a loss that is no float32 scalar is refused", () => {
  expect(() => gradients(input("x", "float32", ["batch"]), [])).toThrowErrorMatchingInlineSnapshot(
    `[InputError: gradients(x): expected a float32 scalar loss, found float32[batch].]`,
  );
  expect(() => gradients(input("x", "int64", []), [])).toThrowErrorMatchingInlineSnapshot(
    `[InputError: gradients(x): expected a float32 scalar loss, found int64[].]`,
  );
});

// The gradient was that of the inputs which the node was made from first.
test("a composition with its own gradient keeps it on other inputs", () => {
  const [x, z] = [input("x", "float32", []), input("z", "float32", [])];
  const square = withGradient("square", {
    output: mul(x, x),
    inputs: [x],
    gradient: ({ inputs: [of], dOutput }) => [mul(mul(of!, 2), dOutput)],
  });
  const [dz] = gradients(square.withInputs([mul(z, z), z]), [z]);
  expect(printGraph({ dz: dz! })).toMatchInlineSnapshot(`
    "input z: float32[]
    %2: float32[] = mul(z, 2)
    %4: float32[] = mul(%2, 1)
    output dz = %4"
  `);
});
