import { expect, test } from "vitest";
import { readExpected } from "../../fixtures/golden.js";
import { deviation } from "../../fixtures/tolerance.js";
import { input } from "../graph/index.js";
import { evaluateAll } from "../runtime/evaluate.test-support.js";
import { activations, type ActivationName } from "./index.js";

test("every activation without parameters is there and equals the reference", async () => {
  const { x: values, ...expected } = Object.fromEntries(await readExpected("activations"));
  expect(Object.keys(activations).sort()).toEqual(Object.keys(expected).sort());
  const x = input("x", "float32", ["n"]);
  const names = Object.keys(activations) as ActivationName[];
  const outputs = Object.fromEntries(names.map((name) => [name, activations[name](x)]));
  const [results] = await evaluateAll(outputs, [{ x: values! }]);
  const wrong = names.filter((name) => deviation(results![name]!.toArray(), expected[name]!.toArray()) > 1);
  expect(wrong).toEqual([]);
});
