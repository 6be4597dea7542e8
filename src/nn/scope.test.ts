import { expect, test } from "vitest";
import { Scope } from "./index.js";

test("the path in the code is the name in the file", () => {
  const layers = Scope.root().at("text_model").at("encoder.layer");
  expect(layers.at(3).at("dense").parameter("weight", [4, 2])).toEqual({
    kind: "parameter",
    name: "text_model.encoder.layer.3.dense.weight",
    dtype: "float32",
    shape: [4, 2],
  });
});

test("a name is always the same tensor", () => {
  const root = Scope.root();
  const weight = root.at("a").at("b").parameter("weight", [2]);
  expect(root.at("a.b").parameter("weight", [2])).toBe(weight);
  expect(Scope.root().at("a.b").parameter("weight", [2])).not.toBe(weight);
});

test("parameters are in the order of their first use", () => {
  const root = Scope.root();
  for (const name of ["b", "a", "b"]) root.at(name).parameter("weight", [1]);
  expect(root.parameters().map(({ name }) => name)).toEqual(["b.weight", "a.weight"]);
});

test("a name has one shape", () => {
  const root = Scope.root();
  root.at("dense").parameter("weight", [2, 3]);
  expect(() => root.at("dense").parameter("weight", [3, 2])).toThrowErrorMatchingInlineSnapshot(
    `[InputError: dense.weight: expected one shape, [2, 3] as at its first use, found [3, 2].]`,
  );
});
