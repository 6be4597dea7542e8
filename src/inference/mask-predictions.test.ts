import { afterAll, expect, test } from "vitest";
import { fileURLToPath } from "node:url";
import { BridgeTower } from "./index.js";
import { fillWeights, tinyCheckpoint, tinyConfig } from "./tiny-checkpoint.test-support.js";

const image = fileURLToPath(new URL("../../examples/images/007.png", import.meta.url));
const model = await BridgeTower.fromPretrained();
afterAll(() => model.dispose());

test("candidates are sorted, and their probabilities are those of the whole vocabulary", async () => {
  const vocabulary = model.config.text_config.vocab_size;
  const { masks } = await model.fillMask(image, "a <mask> at the top", { topK: vocabulary + 1 });
  const { predictions } = masks[0]!;
  expect(new Set(predictions.map(({ id }) => id)).size).toBe(vocabulary);
  expect(predictions.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9);
  const probabilities = predictions.map(({ probability }) => probability);
  expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));

  const fewer = await model.fillMask(image, "a <mask> at the top", { topK: 3 });
  expect(fewer.masks[0]!.predictions).toEqual(predictions.slice(0, 3));
  expect((await model.fillMask(image, "a <mask> at the top")).masks[0]!.predictions).toEqual(predictions.slice(0, 5));
});

test("every mask is filled, at its place; the sentence holds the best tokens", async () => {
  const { masks, sentence } = await model.fillMask(image, "a <mask> at the <mask>", { topK: 1 });
  expect(masks.map(({ index }) => index)).toEqual([2, 5]);
  for (const { predictions } of masks) {
    expect(predictions).toHaveLength(1);
    expect(sentence).toContain(predictions[0]!.token);
  }
});

test("equal logits: the smaller id comes first, as in PyTorch", async () => {
  const folder = await tinyCheckpoint({ edit: (weights) => fillWeights(weights, /^mlm_score\.(decoder|bias)/, 0) });
  const flat = await BridgeTower.fromPretrained(folder);
  const { masks } = await flat.fillMask(image, "<mask>", { topK: 4 });
  expect(masks[0]!.predictions).toEqual(
    ["<s>", "<pad>", "</s>", "<unk>"].map((token, id) => ({ token, id, probability: 1 / 300 })),
  );
});

test("logits too large for exp still give probabilities", async () => {
  const folder = await tinyCheckpoint({
    edit: (weights) => {
      fillWeights(weights, /^mlm_score\.(decoder|bias)/, 0);
      (weights.get("mlm_score.bias")!.data as Float32Array)[260] = 1e4;
    },
  });
  const sure = await BridgeTower.fromPretrained(folder);
  const { masks, sentence } = await sure.fillMask(image, "<mask>", { topK: 2 });
  expect(masks[0]!.predictions).toEqual([
    { token: "ca", id: 260, probability: 1 },
    { token: "<s>", id: 0, probability: 0 },
  ]);
  expect(sentence).toBe("cacaca");
});

test.each([
  ["no mask", "a fox", {}, "text: expected a <mask> to fill, found none. Write <mask> for a missing word."],
  [
    "a mask that is cut off",
    `<mask> ${"fox ".repeat(70)}<mask>`,
    {},
    "text: expected every <mask> within the first 64 tokens, found one after them. Shorten the text.",
  ],
  ["topK 0", "a <mask>", { topK: 0 }, "topK: expected a whole number, 1 or more, found 0."],
  ["topK 1.5", "a <mask>", { topK: 1.5 }, "topK: expected a whole number, 1 or more, found 1.5."],
])("%s is refused", async (_, text, options, message) => {
  await expect(model.fillMask(image, text, options)).rejects.toMatchObject({ name: "InputError", message });
});

test("a text that is cut after its masks is filled as its beginning", async () => {
  const folder = await tinyCheckpoint({ config: tinyConfig(), modelMaxLength: 6 });
  const short = await BridgeTower.fromPretrained(folder);
  const whole = await short.fillMask(image, "a<mask>cat dog dog");
  // <s> a <mask> cat dog </s>
  expect(whole).toEqual(await short.fillMask(image, "a<mask>cat dog"));
});
