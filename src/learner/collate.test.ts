import fc from "fast-check";
import { expect, test } from "vitest";
import { HostTensor } from "../graph/index.js";
import type { ObjectiveName } from "../model/index.js";
import type { Batch } from "./batch.js";
import { collate } from "./collate.js";
import { textBuckets, type CollateOptions } from "./collation.js";
import { Uint8Pixels } from "../processing/index.js";
import { Random } from "../random/index.js";
import type { Sample, SampleImage } from "./sample.js";
import { tiny } from "./tiny-config.test-support.js";

const config = tiny({ contrastive_form: "dual", token_type_count: 3, vqav2_label_size: 5 });
const options: CollateOptions = {
  config,
  random: new Random(7),
  textBuckets: textBuckets(18),
  masking: { mlm_prob: 0.5, vocab_size: 120, mask_token_id: 119, specialIds: new Set([0, 1, 2, 119]) },
};
const all = { mlm: 1, itm: 1, itc: 1, itm_itc: 1, irtr: 1, vqa: 1, snli: 1, nlvr2: 1 } as const;

/** An image whose pixels are all its id. */
const image = (id: number, shape: readonly number[] = [3, 32, 32]): SampleImage => ({
  id,
  pixel_values: new HostTensor("float32", shape, new Float32Array(shape.reduce((a, b) => a * b)).fill(id)),
});
/** Start, `length` tokens that name kind and sample, end. */
const text = (kind: number, index: number, length = 3) => [0, ...new Array<number>(length).fill(10 * kind + index), 2];

/** Sample i has image 100 + i and the false image of its right neighbour's neighbour, which others have as theirs. */
const sample = (index: number, changes: Partial<Sample> = {}): Sample => ({
  index,
  image: image(100 + index),
  caption: text(1, index, 1 + (index % 5)),
  falseImage: image(102 + index),
  falseTexts: [text(2, index), text(3, index, 2)],
  question: { text: text(4, index, 4), scores: new Map([[index % 5, 0.6]]) },
  hypothesis: { text: text(5, index), label: index % 3 },
  statement: { text: text(6, index), secondImage: image(101 + index), label: index % 2 },
  ...changes,
});
const samples = (...indices: number[]) => indices.map((index) => sample(index));

const values = (batch: Batch, name: string) => batch[name]!.toArray();
const rowOf = (batch: Batch, name: string, row: number) => batch[name]!.row(row).toArray();
const textsOf = (batch: Batch, name: string) =>
  values(batch, name).map((row) =>
    rowOf(batch, "input_ids", row).slice(0, rowOf(batch, "attention_mask", row).lastIndexOf(1) + 1),
  );
const imagesOf = (batch: Batch, name: string) => values(batch, name).map((row) => batch.pixel_values!.row(row).data[0]);

test("towers run once: texts and images that objectives share are in the stacks once", () => {
  const batch = collate(samples(0, 1, 2, 3), all, options);
  // Masked captions, captions, two false texts each, questions, hypotheses, statements.
  expect(batch.input_ids!.shape).toEqual([4 * 7, 8]);
  for (const objective of ["itc", "irtr"]) {
    const rows = batch[`${objective}_texts`]!;
    expect(values(batch, "itm_texts").map((_, i) => rows.row(i).toArray()[0])).toEqual(values(batch, "itm_texts"));
  }
  // Own images are 100 to 103; false ones 102 to 105, second ones 101 to 104.
  const stack = Array.from({ length: batch.pixel_values!.shape[0]! }, (_, i) => batch.pixel_values!.row(i).data[0]!);
  expect(stack.slice(0, 4)).toEqual([100, 101, 102, 103]);
  expect(new Set(stack).size).toBe(stack.length);
  expect(batch.pixel_values!.shape.slice(1)).toEqual([3, 32, 32]);
});

test("every objective's rows are those of its samples, and labels agree with rows", () => {
  const batch = collate(samples(3, 8, 5, 1), all, { ...options, softTargets: true });
  const indices = [3, 8, 5, 1];
  const own = indices.map((i) => 100 + i);
  expect(textsOf(batch, "itc_texts")).toEqual(indices.map((i) => text(1, i, 1 + (i % 5))));
  for (const name of ["mlm", "itc", "irtr", "vqa", "snli", "nlvr2_first"]) {
    expect(imagesOf(batch, `${name}_images`), name).toEqual(own);
  }
  expect(values(batch, "itc_image_ids")).toEqual(own);
  expect(textsOf(batch, "vqa_texts")).toEqual(indices.map((i) => text(4, i, 4)));
  expect(batch.vqa_scores!.shape).toEqual([4, 5]);
  indices.forEach((index, i) => {
    const wanted = new Array<number>(5).fill(0);
    wanted[index % 5] = Math.fround(0.6);
    expect(rowOf(batch, "vqa_scores", i)).toEqual(wanted);
  });
  expect(textsOf(batch, "snli_texts")).toEqual(indices.map((i) => text(5, i)));
  expect(values(batch, "snli_labels")).toEqual([0, 2, 2, 1]);
  expect(imagesOf(batch, "nlvr2_second_images")).toEqual(indices.map((i) => 101 + i));
  expect(values(batch, "nlvr2_labels")).toEqual([1, 0, 1, 1]);
  expect(batch.irtr_texts!.shape).toEqual([4, 3]);
  expect(textsOf(batch, "irtr_texts")).toEqual(
    indices.flatMap((i) => [text(1, i, 1 + (i % 5)), text(2, i), text(3, i, 2)]),
  );
  for (const noise of ["itm_itc_image_noise", "itm_itc_text_noise"]) {
    expect(batch[noise]!.shape).toEqual([4, 4]);
    expect(new Set(values(batch, noise)).size).toBe(16);
  }
});

test("matching: half of the pairs, rounded down, are true, and the others have their false image", () => {
  const positives = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const batch = collate(samples(0, 1, 2, 3, 4), { itm: 1 }, { ...options, random: new Random(seed) });
    const labels = values(batch, "itm_labels");
    expect(labels.filter((label) => label === 1)).toHaveLength(2);
    expect(imagesOf(batch, "itm_images")).toEqual(labels.map((label, i) => (label === 1 ? 100 : 102) + i));
    positives.add(labels.join(""));
  }
  // All ten ways to choose two of five.
  expect(positives.size).toBe(10);
});

test("matching with false texts: every image with its caption and with a text that is false for it", () => {
  const falseOnes = [sample(0, { falseText: text(7, 0, 6) }), sample(1), sample(2, { image: image(101) }), sample(3)];
  const sampled = new Set<number>();
  for (let seed = 0; seed < 40; seed++) {
    const batch = collate(falseOnes, { itm: 1 }, { ...options, itmFalse: "texts", random: new Random(seed) });
    expect(values(batch, "itm_labels")).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
    expect(imagesOf(batch, "itm_images")).toEqual([100, 101, 101, 103, 100, 101, 101, 103]);
    const texts = textsOf(batch, "itm_texts");
    expect(texts.slice(0, 4)).toEqual([0, 1, 2, 3].map((i) => text(1, i, 1 + (i % 5))));
    expect(texts[4]).toEqual(text(7, 0, 6));
    // Samples 1 and 2 show the same image: neither's caption is false of the other's.
    expect([text(1, 0), text(1, 3, 4)].map((one) => one[1])).toContain(texts[5]![1]);
    sampled.add(texts[5]![1]!);
    // The stacks have the same height for all samples.
    expect(batch.input_ids!.shape[0]).toBe(8);
    expect(batch.pixel_values!.shape[0]).toBe(3);
  }
  expect(sampled.size).toBe(2);
  const alone = [sample(1), sample(2, { image: image(101) })];
  expect(() => collate(alone, { itm: 1 }, { ...options, itmFalse: "texts" })).toThrow(
    "sample 1: expected falseText, or a sample with another image and another caption, which is false for this one, found neither.",
  );
});

test("matching with false texts: an equal caption of another image is not a false text", () => {
  const same = [sample(0), sample(1, { caption: text(1, 0, 1) }), sample(2)];
  for (let seed = 0; seed < 20; seed++) {
    const batch = collate(same, { itm: 1 }, { ...options, itmFalse: "texts", random: new Random(seed) });
    expect(textsOf(batch, "itm_texts").slice(3, 5)).toEqual([text(1, 2, 3), text(1, 2, 3)]);
  }
  expect(() => collate(same.slice(0, 2), { itm: 1 }, { ...options, itmFalse: "texts" })).toThrow(
    "expected falseText, or a sample with another image and another caption",
  );
});

test("masked captions: the original caption at every label, and no label on padding", () => {
  const batch = collate(samples(4, 9, 2), { mlm: 1 }, options);
  // Nothing reads the captions themselves.
  expect(batch.input_ids!.shape).toEqual([3, 8]);
  expect(batch.mlm_labels!.shape).toEqual([3, 8]);
  [4, 9, 2].forEach((index, i) => {
    const caption = text(1, index, 1 + (index % 5));
    const labels = rowOf(batch, "mlm_labels", i);
    const ids = rowOf(batch, "input_ids", values(batch, "mlm_texts")[i]!);
    labels.forEach((label, place) => {
      if (label === -100) expect(ids[place]).toBe(caption[place] ?? 1);
      else expect([place > 0 && place < caption.length - 1, label]).toEqual([true, caption[place]]);
    });
  });
  expect(values(batch, "mlm_labels").filter((label) => label !== -100).length).toBeGreaterThan(0);
});

test("whole words are masked whole", () => {
  const masking = { ...options.masking!, startsWord: (id: number) => id === 50 };
  const words = { caption: [0, 50, 51, 52, 50, 51, 2] };
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const batch = collate([sample(0, words)], { mlm: 1 }, { ...options, masking, random: new Random(seed) });
    seen.add(
      values(batch, "mlm_labels")
        .map((label) => (label === -100 ? "." : "x"))
        .join(""),
    );
  }
  expect([...seen].sort()).toEqual(["........", "....xx..", ".xxx....", ".xxxxx.."]);
});

test.each([
  [1, 8],
  [6, 8],
  [7, 16],
  [16, 18],
])("a longest text of %i tokens and two special ones is padded to %i", (length, width) => {
  const batch = collate([sample(0, { caption: text(1, 0, length) }), sample(1)], { itc: 1 }, options);
  expect(batch.input_ids!.shape).toEqual([2, width]);
  expect(rowOf(batch, "input_ids", 0).slice(length + 2)).toEqual(new Array(width - length - 2).fill(1));
  expect(rowOf(batch, "attention_mask", 0)).toEqual(Array.from({ length: width }, (_, i) => (i < length + 2 ? 1 : 0)));
});

test("the stack of images grows to a multiple with zeros that no row names", () => {
  const batch = collate(samples(0, 1, 2, 3, 4), { itm: 1 }, { ...options, imageMultiple: 8 });
  expect(batch.pixel_values!.shape).toEqual([8, 3, 32, 32]);
  expect(Math.max(...values(batch, "itm_images"))).toBeLessThan(7);
  expect(batch.pixel_values!.row(7).data.every((value) => value === 0)).toBe(true);
});

test("images in 8 bits are stacked in 8 bits, and padding is 0 after normalisation", async () => {
  const levelValues = [0.5, 1.5, 2.5].map((start) => Float32Array.from({ length: 256 }, (_, level) => start + level));
  const eightBits = (id: number, values = levelValues) =>
    new Uint8Pixels([3, 32, 32], new Uint8Array(3 * 32 * 32).fill(id), values);
  const with8Bits = (index: number, pixels = eightBits(100 + index)) =>
    sample(index, { image: { id: 100 + index, pixel_values: pixels } });
  const { pixel_values } = collate([with8Bits(0), with8Bits(1)], { itc: 1 }, { ...options, imageMultiple: 3 });
  expect(pixel_values).toBeInstanceOf(Uint8Pixels);
  const { shape, data } = await (pixel_values as Uint8Pixels).normalised();
  expect(shape).toEqual([3, 3, 32, 32]);
  const planes = Array.from({ length: 9 }, (_, plane) => new Set(data.subarray(plane * 1024, (plane + 1) * 1024)));
  expect(planes.map((plane) => [...plane])).toEqual(
    [100.5, 101.5, 102.5, 101.5, 102.5, 103.5, 0, 0, 0].map((value) => [value]),
  );
  expect(() => collate([with8Bits(0), sample(1)], { itc: 1 }, options)).toThrowErrorMatchingInlineSnapshot(
    `[InputError: image 101: expected uint8[3, 32, 32], as the first of the batch, found float32[3, 32, 32]. Process all images with the same settings.]`,
  );
  const other = with8Bits(1, eightBits(101, [...levelValues]));
  expect(() => collate([with8Bits(0), other], { itc: 1 }, options)).toThrowErrorMatchingInlineSnapshot(
    `[InputError: image 101: expected uint8[3, 32, 32], as the first of the batch, found uint8[3, 32, 32] with another normalisation. Process all images with the same settings.]`,
  );
});

test("an image that several samples have is stacked once, and its pairs share an id", () => {
  const same = { image: image(300) };
  const batch = collate([sample(0, same), sample(1), sample(2, same)], { itc: 1 }, { ...options, softTargets: true });
  expect(batch.pixel_values!.shape[0]).toBe(2);
  expect(values(batch, "itc_images")).toEqual([0, 1, 0]);
  expect(values(batch, "itc_image_ids")).toEqual([300, 101, 300]);
});

test("the same stream gives the same batch, and another one another batch", () => {
  const once = collate(samples(0, 1, 2, 3), all, options);
  expect(collate(samples(0, 1, 2, 3), all, { ...options, random: new Random(7) })).toEqual(once);
  const other = collate(samples(0, 1, 2, 3), all, { ...options, random: new Random(7, "epoch", 1) });
  for (const name of ["mlm_labels", "itm_itc_image_noise", "itm_itc_text_noise"]) {
    expect(values(other, name), name).not.toEqual(values(once, name));
  }
});

test("the order of the samples only permutes: each keeps its labels, its masks and its noise", () => {
  const indices = [0, 1, 2, 3, 4, 5];
  const inOrder = collate(samples(...indices), all, options);
  fc.assert(
    fc.property(fc.shuffledSubarray(indices, { minLength: 6 }), (order) => {
      const batch = collate(samples(...order), all, options);
      for (const name of ["itm_labels", "snli_labels", "nlvr2_labels"]) {
        expect(values(batch, name)).toEqual(order.map((i) => values(inOrder, name)[i]));
      }
      for (const name of ["itm_images", "mlm_images", "vqa_images", "nlvr2_second_images"]) {
        expect(imagesOf(batch, name)).toEqual(order.map((i) => imagesOf(inOrder, name)[i]));
      }
      for (const name of ["itm_texts", "mlm_texts", "vqa_texts"]) {
        expect(textsOf(batch, name)).toEqual(order.map((i) => textsOf(inOrder, name)[i]));
      }
      const noise = (of: Batch, row: number, column: number) => of.itm_itc_text_noise!.at(row, column);
      order.forEach((i, row) => {
        expect(rowOf(batch, "mlm_labels", row)).toEqual(rowOf(inOrder, "mlm_labels", i));
        order.forEach((j, column) => expect(noise(batch, row, column)).toBe(noise(inOrder, i, j)));
      });
    }),
    { numRuns: 20 },
  );
});

test("invalid batches are refused", () => {
  const attempt = (
    list: readonly Sample[],
    objectives: Partial<Record<ObjectiveName, number>>,
    changes: Partial<CollateOptions> = {},
  ): string => {
    try {
      collate(list, objectives, { ...options, ...changes });
      return "nothing";
    } catch (error) {
      return String(error);
    }
  };
  const one = (changes: Partial<Sample>, objective: ObjectiveName) =>
    attempt([sample(0), sample(4, changes)], { [objective]: 1 });
  const question = (scores: [number, number][]) => ({ question: { text: text(4, 0), scores: new Map(scores) } });
  const messages = [
    attempt([], { itc: 1 }),
    attempt([sample(0)], {}),
    attempt([sample(0)], { itn: 1 } as object),
    attempt([sample(0)], { itc: 1 }, { textBuckets: [] }),
    attempt([sample(0)], { itc: 1 }, { textBuckets: [8, 64] }),
    attempt([{ ...sample(0), caption: undefined }], { itc: 1 }),
    one({ caption: text(1, 4, 17) }, "itc"),
    one({ caption: [] }, "mlm"),
    one({ caption: [0, 120, 2] }, "itc"),
    one({ caption: [0, 1.5, 2] }, "itc"),
    one({ index: -1 }, "itc"),
    one({ image: image(0.5) }, "itc"),
    one({ image: image(4, [3, 32, 40]) }, "itc"),
    attempt([sample(0, { image: image(4, [1, 32, 32]) })], { itc: 1 }),
    one({ falseTexts: [text(2, 4)] }, "irtr"),
    attempt([sample(0, { falseTexts: [] })], { irtr: 1 }),
    one(question([[5, 1]]), "vqa"),
    one(question([[-1, 1]]), "vqa"),
    one(question([[2, 1.5]]), "vqa"),
    one({ hypothesis: { text: text(5, 4), label: 3 } }, "snli"),
    one({ statement: { text: text(6, 4), secondImage: image(9), label: 0.5 } }, "nlvr2"),
    attempt([sample(0)], { mlm: 1 }, { masking: undefined as never }),
  ];
  expect(messages.join("\n")).toMatchInlineSnapshot(`
    "InputError: batch: expected at least one sample, found none.
    InputError: objectives: expected at least one with a weight, found none.
    InputError: objective itn: expected one of mlm, itm, itc, itm_itc, irtr, vqa, snli, nlvr2 with a finite weight, found 1.
    InputError: textBuckets: expected ascending numbers of tokens from 1 to 18, the longest text of the model, found none.
    InputError: textBuckets: expected ascending numbers of tokens from 1 to 18, the longest text of the model, found 8, 64.
    InputError: sample 0: expected caption, which itc reads, found none. Leave itc out, or train it on data that has it.
    InputError: caption of sample 4: expected 1 to 18 tokens, found 19. Truncate it when it is encoded, with maxLength.
    InputError: caption of sample 4: expected 1 to 18 tokens, found 0.
    InputError: caption of sample 4: expected token ids from 0 to 119, found 120. Use the tokenizer of the model.
    InputError: caption of sample 4: expected token ids from 0 to 119, found 1.5. Use the tokenizer of the model.
    InputError: index of a sample: expected a whole number from 0, found -1.
    InputError: id of an image: expected a whole number from 0, found 0.5.
    InputError: image 4: expected float32[3, 32, 32], as the first of the batch, found float32[3, 32, 40]. Process all images with the same settings.
    InputError: image 4: expected float32[3, height, width], found float32[1, 32, 32]. Process all images with the same settings.
    InputError: falseTexts of sample 4: expected at least one text, as many in each sample (2 in the first), found 1.
    InputError: falseTexts of sample 0: expected at least one text, as many in each sample (0 in the first), found 0.
    InputError: question of sample 4: expected answers from 0 to 4, as vqav2_label_size of the config says, found 5. Leave out answers that are not in the vocabulary.
    InputError: question of sample 4: expected answers from 0 to 4, as vqav2_label_size of the config says, found -1. Leave out answers that are not in the vocabulary.
    InputError: question of sample 4: expected scores from 0 to 1, found 1.5 for answer 2.
    InputError: hypothesis of sample 4: expected a label from 0 to 2, found 3.
    InputError: statement of sample 4: expected a label from 0 to 1, found 0.5.
    InputError: masking: expected the masking options, which mlm needs, found none."
  `);
});

test.each([
  [50, undefined, [8, 16, 24, 32, 40, 48, 50]],
  [16, undefined, [8, 16]],
  [5, undefined, [5]],
  [64, 32, [32, 64]],
])("widths for texts of up to %i tokens", (longest, multiple, expected) => {
  expect(textBuckets(longest, multiple)).toEqual(expected);
});
