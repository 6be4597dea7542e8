/** What training graphs rely on and ONNX Runtime does not promise: it walks depth-first from the leaf that was written last. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { expect, onTestFinished, test } from "vitest";
import {
  input,
  linear,
  parameterGradients,
  sum,
  tanh,
  writeTrainingOnnx,
  type Parameter,
  type Tensor,
} from "../graph/index.js";

const weight = (layer: number): Parameter => ({
  kind: "parameter",
  name: `weight.${layer}`,
  dtype: "float32",
  shape: [4, 4],
});

interface Event {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
}

test("a training graph runs forward to the loss, then back, the last layer's gradient first", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-profile-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const weights = [0, 1, 2].map(weight);
  const y = weights.reduce<Tensor>((x, w) => tanh(linear(x, w)), input("x", "float32", [3, 4]));
  const loss = sum(y, { axes: [0, 1] });
  const gradients = parameterGradients(loss, weights);
  const keys = gradients.map(({ parameter }) => `d ${parameter.name}`);
  const { bytes, views, outputNames } = writeTrainingOnnx({
    ...Object.fromEntries(gradients.map(({ gradient }, i) => [keys[i]!, gradient])),
    loss,
  });
  const session = await InferenceSession.create(bytes, {
    graphOptimizationLevel: "disabled",
    enableProfiling: true,
    profileFilePrefix: join(folder, "run"),
  });
  const zeros = (...dims: number[]) => new OrtTensor("float32", new Float32Array(dims.reduce((a, b) => a * b)), dims);
  await session.run({ x: zeros(3, 4), ...Object.fromEntries(views.map((view) => [view.input, zeros(4, 4)])) });
  session.endProfiling();
  await session.release();

  const [file] = await readdir(folder);
  const events = JSON.parse(await readFile(join(folder, file!), "utf8")) as Event[];
  const order = events
    .filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"))
    .sort((a, b) => a.ts - b.ts)
    .map(({ name }) => name.replace("_kernel_time", ""));
  const wanted = ["loss", "d weight.2", "d weight.1", "d weight.0"];
  const places = wanted.map((key) => order.indexOf(outputNames[key]!));
  expect(places).not.toContain(-1);
  expect([...places].sort((a, b) => a - b)).toEqual(places);
});
