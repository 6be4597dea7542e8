import { expect, test } from "vitest";
import { deviation } from "../../fixtures/tolerance.js";
import { tinyInput } from "../../fixtures/tiny-weights.js";
import { HostTensor, type Parameter } from "../graph/index.js";
import { fixtureJson, float32, parameter, startOf } from "./conversion-files.test-support.js";
import { startingValues } from "./index.js";

/** Marks what it made. */
const sevens = ({ shape }: Parameter) => new Float32Array((shape as number[]).reduce((a, b) => a * b, 1)).fill(7);

const positions = "vision_model.visual.embeddings.position_embedding.weight";

interface Resized {
  readonly from: number;
  readonly to: number;
  readonly hidden: number;
  readonly values: readonly number[];
}

test.each(await fixtureJson<Resized[]>("positions.json"))(
  "positions of $from × $from patches for $to × $to, as torch interpolates them",
  async ({ from, to, hidden, values: expected }) => {
    const table = tinyInput(`positions ${from}`, [1 + from * from, hidden]);
    const start = startOf({ [positions]: new HostTensor("float32", [1 + from * from, hidden], table) });
    const { values, report } = await startingValues([parameter(positions, [1 + to * to, hidden])], [start], sevens);
    expect(deviation(values.get(positions)!, expected, { absolute: 1e-6, relative: 1e-6 })).toBeLessThan(1);
    const how = `resized from ${from} × ${from} to ${to} × ${to} patches`;
    expect(report.derived).toEqual(from === to ? [] : [{ name: positions, how }]);
  },
);

test("parameters are copied, derived or initialised, and the rest is reported", async () => {
  const start = startOf({
    "cross_modal_text_layers.0.x": float32([2], 1, 2),
    "cross_modal_image_transform.bias": new HostTensor("float16", [1], Uint16Array.of(0x4200)),
    "token_type_embeddings.weight": float32([2, 2], 1, 2, 3, 4),
    "itm_score.fc.weight": float32([2, 3], 1, 2, 3, 4, 5, 6),
    "itm_score.fc.bias": float32([2], 8, 9),
    temperature: float32([], 0.5),
    "nlvr2_classifier.0.bias": float32([1], 1),
    "somebody.else": float32([1], 1),
  });
  const { values, report } = await startingValues(
    [
      parameter("cross_modal_text_layers.0.x", [2]),
      parameter("cross_modal_image_transform.bias", [1]),
      parameter("token_type_embeddings.weight", [3, 2]),
      parameter("rank_output.weight", [1, 3]),
      parameter("rank_output.bias", [1]),
      parameter("logit_scale", []),
      parameter("vqa_classifier.0.weight", [2, 2]),
    ],
    [start],
    sevens,
  );
  expect(Object.fromEntries([...values].map(([name, data]) => [name, [...data]]))).toEqual({
    "cross_modal_text_layers.0.x": [1, 2],
    "cross_modal_image_transform.bias": [3],
    "token_type_embeddings.weight": [1, 2, 3, 4, 3, 4],
    "rank_output.weight": [4, 5, 6],
    "rank_output.bias": [9],
    logit_scale: [Math.fround(Math.LN2)],
    "vqa_classifier.0.weight": [7, 7, 7, 7],
  });
  expect(report).toEqual({
    taken: ["cross_modal_text_layers.0.x", "cross_modal_image_transform.bias"],
    derived: [
      { name: "token_type_embeddings.weight", how: "row 2 copied from row 1" },
      { name: "rank_output.weight", how: "row 1 of itm_score.fc.weight" },
      { name: "rank_output.bias", how: "row 1 of itm_score.fc.bias" },
      { name: "logit_scale", how: "−ln(temperature)" },
    ],
    initialised: ["vqa_classifier.0.weight"],
    unused: ["nlvr2_classifier.0.bias", "somebody.else"],
  });
});

test("the temperature follows from logit_scale; each buffer belongs to one parameter alone", async () => {
  const start = startOf({ logit_scale: float32([], Math.LN2), "cross_modal_text_layers.0.x": float32([1], 1) });
  const { values } = await startingValues(
    [parameter("temperature", []), parameter("logit_scale", [])],
    [start],
    sevens,
  );
  expect(values.get("temperature")![0]).toBeCloseTo(0.5, 7);
  expect(values.get("logit_scale")![0]).toBe(Math.fround(Math.LN2));
  for (const { buffer, byteLength } of values.values()) expect(buffer.byteLength).toBe(byteLength);
  expect(new Set([...values.values()].map(({ buffer }) => buffer)).size).toBe(2);
});

test("tensors of a starting point are never replaced by derived values", async () => {
  const start = startOf({
    "rank_output.bias": float32([1], 5),
    "itm_score.fc.bias": float32([2], 8, 9),
    "cross_modal_text_layers.0.x": float32([1], 1),
  });
  const { values } = await startingValues([parameter("rank_output.bias", [1])], [start], sevens);
  expect([...values.get("rank_output.bias")!]).toEqual([5]);
});

test("if several starting points have a tensor, the last one is used", async () => {
  const first = startOf({
    "cross_modal_text_layers.0.x": float32([1], 1),
    "cross_modal_text_layers.0.y": float32([1], 2),
  });
  const last = startOf({ "cross_modal_text_layers.0.x": float32([1], 3) });
  const wanted = ["x", "y"].map((name) => parameter(`cross_modal_text_layers.0.${name}`, [1]));
  const { values, report } = await startingValues(wanted, [first, last], sevens);
  expect([...values.values()].map(([value]) => value)).toEqual([3, 2]);
  expect(report.unused).toEqual(["cross_modal_text_layers.0.x"]);
});

test("all tensors of a wrong shape are reported at once; values that are not finite are refused", async () => {
  const start = startOf({
    "cross_modal_text_layers.0.x": float32([2], 1, 2),
    "text_model.embeddings.word_embeddings.weight": float32([1, 1], NaN),
    "cross_modal_text_layers.0.y": new HostTensor("int64", [1], BigInt64Array.of(1n)),
    [positions]: float32([3, 1], 1, 2, 3),
  });
  const wanted = [
    parameter("cross_modal_text_layers.0.x", [3]),
    parameter("cross_modal_text_layers.0.y", [1]),
    parameter(positions, [5, 1]),
  ];
  await expect(startingValues(wanted, [start], sevens)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[InputError: memory: expected floating-point tensors of the shapes that the config asks for, found 3 others: cross_modal_text_layers.0.x [2] for [3]; cross_modal_text_layers.0.y [1] of int64 for [1]; vision_model.visual.embeddings.position_embedding.weight [3, 1] for [5, 1]. Make config.json agree with the starting point, or start from another one.]`,
  );
  const words = [parameter("text_model.embeddings.word_embeddings.weight", [1, 1])];
  await expect(startingValues(words, [start], sevens)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[InputError: text_model.embeddings.word_embeddings.weight in memory: expected finite weights, found NaN at element 0. Download the file again, or start from another one.]`,
  );
});
