import { expect, test } from "vitest";
import { Scope } from "../../nn/index.js";
import {
  add,
  constant,
  dtypes,
  elementCount,
  expand,
  HostTensor,
  input,
  linear,
  mul,
  reshape,
  slice,
  sum,
  transpose,
  writeOnnx,
  type DType,
  type Parameter,
  type Tensor,
} from "../index.js";
import { readModel } from "./read-model.test-support.js";

/** Every parameter at offset 1000 of one file, in an element type of choice. */
const inFile =
  (dtype: DType) =>
  ({ shape }: Parameter) => {
    const sizes = shape;
    const length = elementCount(sizes) * dtypes[dtype].bytes;
    return { dtype, shape: sizes, bytes: { location: "weights/model.safetensors", offset: 1000, length } };
  };

const write = (outputs: Record<string, Tensor>, dtype: DType = "float32") =>
  readModel(writeOnnx(outputs, { locate: inFile(dtype) }).bytes);

const x = input("x", "float32", ["batch", "text", 4]);
const weight = Scope.root().parameter("dense.weight", [6, 4]);

test("a parameter is an initializer whose bytes stay in the file", () => {
  expect(write({ y: linear(reshape(x, ["batch·text", 4]), weight) }).initializers).toContainEqual({
    name: "dense.weight",
    dims: [6, 4],
    dtype: dtypes.float32.onnx,
    external: { location: "weights/model.safetensors", offset: "1000", length: "96" },
    bytes: 0,
  });
});

test("a parameter in memory is written into the model", () => {
  const bytes = new Uint8Array(96);
  const model = writeOnnx({ y: weight }, { locate: () => ({ dtype: "float32", shape: [6, 4], bytes }) });
  expect(readModel(model.bytes).initializers).toEqual([
    { name: "dense.weight", dims: [6, 4], dtype: 1, external: {}, bytes: 96 },
  ]);
});

test("rows of a parameter, or the whole under another shape, cost no node and no bytes", () => {
  const rows = slice(weight, { axis: 0, start: 2, end: 4 });
  const { operators, initializers } = write({ rows, flat: reshape(weight, [24]) });
  expect(operators).toEqual(["Identity", "Identity"]);
  expect(initializers.map(({ dims, external }) => [dims, external.offset, external.length])).toEqual([
    [[2, 4], "1032", "32"],
    [[24], "1000", "96"],
  ]);
});

test("columns of a parameter are sliced by a node", () => {
  expect(write({ y: slice(weight, { axis: 1, start: 0, end: 2 }) }).operators).toEqual(["Slice", "Identity"]);
});

test.each(["float16", "bfloat16", "float64"] as const)(
  "a %s parameter is cast once, however often it is read",
  (dtype) => {
    const { nodes } = write({ y: add(mul(weight, weight), weight) }, dtype);
    expect(nodes.filter((node) => node.startsWith("Cast"))).toEqual(["Cast(dense.weight) -> Cast_0"]);
  },
);

test("rows of a float16 parameter start at their own bytes", () => {
  const { initializers } = write({ y: slice(weight, { axis: 0, start: 2, end: 4 }) }, "float16");
  expect(initializers[0]).toMatchObject({ dtype: 10, external: { offset: "1016", length: "16" } });
});

test("a reshape that moves no named size needs no shape computed", () => {
  const split = reshape(x, ["batch", "text", 2, 2]);
  expect(write({ y: split }).operators).toEqual(["Reshape", "Identity"]);
  expect(write({ y: reshape(transpose(split, [0, 2, 1, 3]), ["batch", 2, "2·text"]) }).operators).toEqual([
    "Reshape",
    "Transpose",
    "Reshape",
    "Identity",
  ]);
});

test("sizes that an op cannot infer are read off the inputs, each once", () => {
  const one = constant(new HostTensor("float32", [1, 1, 1], Float32Array.of(1)));
  const wide = expand(one, ["batch", "text", 4]);
  const { nodes } = write({ y: add(wide, x), z: expand(one, ["batch", 1, "2·batch·text"]) });
  expect(nodes).toMatchInlineSnapshot(`
    [
      "Shape(x) -> Shape_1",
      "Shape(x) -> Shape_2",
      "Concat(Shape_1, Shape_2, constant_3) -> Concat_4",
      "Expand(constant_0, Concat_4) -> Expand_5",
      "Add(Expand_5, x) -> Add_6",
      "Mul(constant_8, Shape_1) -> Mul_9",
      "Mul(Mul_9, Shape_2) -> Mul_10",
      "Concat(Shape_1, constant_7, Mul_10) -> Concat_11",
      "Expand(constant_0, Concat_11) -> Expand_12",
      "Identity(Add_6) -> y",
      "Identity(Expand_12) -> z",
    ]
  `);
});

test("a size that no input has is an error, not a wrong model", () => {
  const one = constant(new HostTensor("float32", [1], Float32Array.of(1)));
  expect(() => write({ y: expand(one, ["batch"]) })).toThrowErrorMatchingInlineSnapshot(
    `[Error: no input of the graph has the dimension "batch"]`,
  );
});

test("a parameter that the outputs do not need is never located", () => {
  const other = Scope.root().parameter("other", [2]);
  const located: string[] = [];
  const locate = (parameter: Parameter) => {
    located.push(parameter.name);
    return inFile("float32")(parameter);
  };
  const model = { loss: sum(mul(weight, weight), { axes: [0, 1] }), unused: add(other, other) };
  writeOnnx({ loss: model.loss }, { locate });
  expect(located).toEqual(["dense.weight"]);
});

test("the inputs are those that the outputs need", () => {
  const y = input("y", "float32", []);
  expect(writeOnnx({ twice: mul(x, 2) }, { locate: inFile("float32") }).inputs).toEqual([x]);
  expect(writeOnnx({ product: mul(x, y) }, { locate: inFile("float32") }).inputs).toEqual([x, y]);
});

test("a parameter of another shape in the file is refused", () => {
  const locate = () => ({ dtype: "float32" as const, shape: [4, 6], bytes: new Uint8Array(96) });
  expect(() => writeOnnx({ y: weight }, { locate })).toThrowErrorMatchingInlineSnapshot(
    `[InputError: dense.weight: expected shape [6, 4], found [4, 6].]`,
  );
});
