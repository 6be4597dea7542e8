import { expect, test } from "vitest";
import { int64Matrix, readCase } from "../../fixtures/golden.js";
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import {
  BridgeTowerForImageAndTextRetrieval,
  BridgeTowerForMaskedLM,
  BridgeTowerModel,
  type ForwardOptions,
  type ModelInputs,
} from "./index.js";
import { tinyCheckpoint } from "./tiny-checkpoint.test-support.js";

const { inputs, configJson } = readCase("add");
const pixels = (...shape: number[]) => HostTensor.zeros("float32", shape);
const ids = (...shape: number[]) => HostTensor.zeros("int64", shape);
const { input_ids } = inputs;

/** The message of an InputError; anything else that is thrown fails the test. */
async function complaint(action: Promise<unknown>): Promise<string> {
  const error: unknown = await action.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
}

test.each<[string, ModelInputs, ForwardOptions, string]>([
  [
    "no images",
    { input_ids },
    {},
    "pixel_values: expected images [batch, 3, height, width], found undefined. Give pixel_values or image_embeds.",
  ],
  [
    "images of another size",
    { ...inputs, pixel_values: pixels(2, 3, 40, 32) },
    {},
    "pixel_values: expected images of 32 × 32 pixels (vision_config.image_size), found 40 × 32. Preprocess with the checkpoint's own settings, or set interpolate_pos_encoding to resize the position table.",
  ],
  [
    "images smaller than a patch",
    { ...inputs, pixel_values: pixels(2, 3, 32, 7) },
    { interpolatePosEncoding: true },
    "pixel_values: expected at least one patch of 8 pixels each way, found 32 × 7. Give a larger image.",
  ],
  [
    "other channels",
    { ...inputs, pixel_values: pixels(2, 4, 32, 32) },
    {},
    "pixel_values: expected float32[batch, 3, 32, 32], found float32[2, 4, 32, 32].",
  ],
  [
    "one image for two texts",
    { ...inputs, pixel_values: pixels(1, 3, 32, 32) },
    {},
    "pixel_values: expected 2 images, one for each text, found [1, 3, 32, 32].",
  ],
  [
    "embeddings of three images for two texts",
    { ...inputs, image_embeds: pixels(3, 17, 64) },
    {},
    "image_embeds: expected 2 rows, one for each text, found [3, 17, 64].",
  ],
  [
    "a mask of another length",
    { ...inputs, attention_mask: ids(2, 5) },
    {},
    "attention_mask: expected [2, 7] like input_ids, found [2, 5].",
  ],
  [
    "one mask for two texts",
    { ...inputs, attention_mask: ids(1, 7) },
    {},
    "attention_mask: expected [2, 7] like input_ids, found [1, 7].",
  ],
  [
    "no tokens",
    { ...inputs, input_ids: ids(2, 0) },
    {},
    "input_ids: expected [batch, text] with at least one text and one token, found [2, 0].",
  ],
  [
    "ids without a batch",
    { ...inputs, input_ids: ids(7) },
    {},
    "input_ids: expected [batch, text] with at least one text and one token, found [7].",
  ],
  [
    "a text longer than the position table",
    { input_ids: ids(1, 19), pixel_values: pixels(1, 3, 32, 32) },
    {},
    "input_ids: expected at most 18 tokens, the size of the position table, found 19. Truncate the text (truncation: true).",
  ],
  [
    "ids beyond the vocabulary",
    { input_ids: int64Matrix([[0, 120, 2]]), pixel_values: pixels(1, 3, 32, 32) },
    {},
    "input_ids: expected token ids from 0 to 119 (vocab_size 120 in config.json), found 120. Use the tokenizer that was published with these weights.",
  ],
  [
    "negative ids",
    { input_ids: int64Matrix([[0, -100, 2]]), pixel_values: pixels(1, 3, 32, 32) },
    {},
    "input_ids: expected token ids from 0 to 119 (vocab_size 120 in config.json), found -100. Use the tokenizer that was published with these weights.",
  ],
])("%s", async (_, given, options, expected) => {
  const model = await BridgeTowerModel.fromPretrained(await tinyCheckpoint({ config: configJson }));
  expect(await complaint(model.forward(given, options))).toBe(expected);
});

test("the longest text that the position table takes is accepted", async () => {
  const model = await BridgeTowerModel.fromPretrained(await tinyCheckpoint({ config: configJson }));
  const { text_features } = await model.forward({ input_ids: ids(1, 18), pixel_values: pixels(1, 3, 32, 32) });
  expect(text_features.shape).toEqual([1, 18, 64]);
});

test("labels of another shape or beyond the classes are refused", async () => {
  const folder = await tinyCheckpoint({ config: configJson });
  const itm = await BridgeTowerForImageAndTextRetrieval.fromPretrained(folder);
  const mlm = await BridgeTowerForMaskedLM.fromPretrained(folder);
  const vector = (...values: number[]) => new HostTensor("int64", [values.length], BigInt64Array.from(values, BigInt));
  const shouldBe = "labels: expected int64[2] with values from 0 to 1";
  expect([
    await complaint(itm.forward({ ...inputs, labels: vector(1, 2) })),
    await complaint(itm.forward({ ...inputs, labels: vector(1, -100) })),
    await complaint(itm.forward({ ...inputs, labels: vector(1) })),
    await complaint(itm.forward({ ...inputs, labels: int64Matrix([[1], [0]]) })),
  ]).toEqual([
    `${shouldBe}, found 2.`,
    `${shouldBe}, found -100.`,
    `${shouldBe}, found [1].`,
    `${shouldBe}, found [2, 1].`,
  ]);
  const words = "labels: expected int64[2, 7] with values from 0 to 119 or -100";
  expect(await complaint(mlm.forward({ ...inputs, labels: vector(1, 0) }))).toBe(`${words}, found [2].`);
  const beyond = [[-100, 120, -100, -100, -100, -100, -100], Array<number>(7).fill(-100)];
  expect(await complaint(mlm.forward({ ...inputs, labels: int64Matrix(beyond) }))).toBe(`${words}, found 120.`);
  const ignored = [Array<number>(7).fill(-100), Array<number>(7).fill(-100)];
  expect(await complaint(mlm.forward({ ...inputs, labels: int64Matrix(ignored) }))).toBe(
    "labels: expected at least one position with a label, found -100 everywhere. Leave labels out if you need no loss.",
  );
});
