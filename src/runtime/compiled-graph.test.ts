import { expect, test } from "vitest";
import { add, HostTensor, input, type StoredTensor } from "../graph/index.js";
import { Runtime, type CompiledGraph } from "./index.js";

const runtime = new Runtime();

const noWeights = (): StoredTensor => {
  throw new Error("this graph has no parameters");
};
const zeros = (...shape: number[]) => HostTensor.zeros("float32", shape);

async function sumGraph(): Promise<CompiledGraph> {
  const a = input("a", "float32", ["batch", 3]);
  const b = input("b", "float32", ["batch", 3]);
  return runtime.compile({ sum: add(a, b) }, noWeights);
}

test("a missing input, a wrong shape and one name with two sizes are refused by name", async () => {
  const graph = await sumGraph();
  await expect(graph.run({ a: zeros(2, 3) })).rejects.toThrow("b: expected float32[batch, 3], found undefined.");
  await expect(graph.run({ a: zeros(2, 3), b: zeros(2, 4) })).rejects.toThrow(
    "b: expected float32[batch, 3], found float32[2, 4].",
  );
  await expect(graph.run({ a: zeros(2, 3), b: zeros(1, 3) })).rejects.toThrow(
    "b: expected batch 2, as in a, found [1, 3].",
  );
  await graph.dispose();
});

test("an input whose ArrayBuffer was transferred is refused by name, and the graph still runs", async () => {
  const graph = await sumGraph();
  const b = zeros(1, 3);
  structuredClone(b.data.buffer, { transfer: [b.data.buffer as ArrayBuffer] });
  await expect(graph.run({ a: zeros(1, 3), b })).rejects.toThrow(
    "b: expected 3 values for [1, 3], found 0. Use a copy: its ArrayBuffer was transferred to another thread.",
  );
  expect((await graph.run({ a: zeros(1, 3), b: zeros(1, 3) })).sum!.toArray()).toEqual([0, 0, 0]);
  await graph.dispose();
});

test("a device that cannot start is an error that names it, not a fall-back", async () => {
  const elsewhere = process.platform === "win32" ? "coreml" : "dml";
  const sum = add(input("a", "float32", [1]), 1);
  await expect(runtime.compile({ sum }, noWeights, { device: elsewhere })).rejects.toThrow(
    /^device (coreml|dml): expected a device on which ONNX Runtime can load the model, found «.*Install what the device needs, or use cpu\.$/,
  );
});

test("the worker can be ended while it loads, compiles or runs: pending calls fail, and the process continues", async () => {
  const sum = add(input("a", "float32", ["batch", 3]), 1);
  // Native code that is cut off aborts the process, at some moments only.
  for (let delay = 0; delay < 200; delay += 20) {
    const ending = new Runtime();
    const compiled = ending.compile({ sum }, noWeights).then(
      () => "in time",
      (error: unknown) => String(error),
    );
    await new Promise((resolve) => setTimeout(resolve, delay));
    await ending.dispose();
    expect(await compiled).toMatch(/in time|expected an open model, found a model that was disposed of/);
  }
});
