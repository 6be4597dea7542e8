/**
 * Samples to a batch: all texts and all images in one stack each, so that the towers run once, and for each objective the rows that
 * belong together. Objectives share rows: a caption or an image is in its stack once.
 */
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import { maxTextLength, type ObjectiveName } from "../model/index.js";
import type { Random } from "../random/index.js";
import { objectiveWeights, type Batch, type ObjectiveWeights } from "./batch.js";
import { checkBuckets, Collation, inAscendingOrder, int64, type CollateOptions, type Tensors } from "./collation.js";
import { maskTokens } from "./masking.js";
import { checkLabel, checkScores, partOf, type Sample, type TokenIds } from "./sample.js";

/**
 * One micro-batch of the samples, in their order.
 *
 * ITM: a random ⌊samples / 2⌋ of them keep their image, the others get their false one, which is added to the stack unless it is
 * there. The authors shuffle the rows; here the labels are shuffled. With false texts every image occurs twice instead: with its
 * caption, and with its `falseText` or, without one, the caption of another sample.
 * @throws InputError naming the sample that lacks what an objective reads, or has an invalid value
 * @example
 * import { readFile } from "node:fs/promises";
 *
 * const config = parseConfig(JSON.parse(await readFile("models/emoji/config.json", "utf8")));
 * const { tokenizer, imageProcessor } = await BridgeTowerProcessor.fromPretrained("models/emoji");
 * const { pixel_values } = await imageProcessor.preprocess(["examples/images/000.png", "examples/images/001.png"]);
 * const samples = ["an angel", "a fox"].map((text, i) => ({
 *   index: i,
 *   image: { id: i, pixel_values: pixel_values.row(i) },
 *   falseImage: { id: 1 - i, pixel_values: pixel_values.row(1 - i) },
 *   caption: tokenizer.encode(text).ids,
 * }));
 * const batch = collate(samples, { itm: 1 }, { config, random: new Random(0), textBuckets: textBuckets(50) });
 * console.log(batch.input_ids!.shape, batch.pixel_values!.shape); // [ 2, 8 ] [ 2, 3, 96, 96 ]
 */
export function collate(samples: readonly Sample[], objectives: ObjectiveWeights, options: CollateOptions): Batch {
  const names = objectiveWeights(objectives).map(([name]) => name);
  if (samples.length === 0) {
    throw new InputError({ code: "invalid-argument", where: "batch", expected: "at least one sample", found: "none" });
  }
  checkBuckets(options.textBuckets, maxTextLength(options.config.text_config));
  const batch = new Collation(samples, options);
  const tensors = names.map((name) => collators[name](batch));
  return Object.assign(batch.stacks(), ...tensors) as Batch;
}

function mlm(batch: Collation): Tensors {
  const { masking } = batch.options;
  if (masking === undefined) {
    throw new InputError({
      code: "invalid-argument",
      where: "masking",
      expected: "the masking options, which mlm needs",
      found: "none",
    });
  }
  const masked = batch.samples.map((sample) =>
    maskTokens(partOf(sample, "caption", "mlm"), masking, batch.options.random.at("mask", sample.index)),
  );
  const texts = masked.map(({ input_ids }, i) => batch.text(input_ids, `caption of sample ${batch.samples[i]!.index}`));
  batch.tokenLabels(
    "mlm_labels",
    masked.map(({ labels }) => labels),
  );
  return { mlm_texts: int64(texts), mlm_images: int64(batch.sampleImages) };
}

/**
 * Which samples of a micro-batch keep their own image for ITM: 1 for a random ⌊samples / 2⌋ of them, 0 for those that need a false one.
 * @param indices `index` of each sample
 * @param random  the stream of the micro-batch, which `collate` gets, too
 * @internal
 */
export function itmLabels(indices: readonly number[], random: Random): number[] {
  const order = random.at("itm").permutation(indices.length);
  const labels = new Array<number>(indices.length);
  inAscendingOrder(indices).forEach((row, i) => (labels[row] = order[i]! < Math.floor(indices.length / 2) ? 1 : 0));
  return labels;
}

function itm(batch: Collation): Tensors {
  return batch.options.itmFalse === "texts" ? itmWithFalseTexts(batch) : itmWithFalseImages(batch);
}

function itmWithFalseImages(batch: Collation): Tensors {
  const { samples, sampleImages } = batch;
  const labels = itmLabels(
    samples.map(({ index }) => index),
    batch.options.random,
  );
  return {
    itm_texts: int64(batch.captions("itm")),
    itm_images: int64(
      samples.map((sample, i) =>
        labels[i] === 1 ? sampleImages[i]! : batch.image(partOf(sample, "falseImage", "itm")),
      ),
    ),
    itm_labels: int64(labels),
  };
}

function itmWithFalseTexts(batch: Collation): Tensors {
  const { samples, sampleImages } = batch;
  const captions = batch.captions("itm");
  // Captions of other samples get new rows: the stack has the same height in every batch, so one graph serves all.
  const falseTexts = samples.map((sample) =>
    batch.text(sample.falseText ?? captionOfAnother(batch, sample), `falseText of sample ${sample.index}`),
  );
  return {
    itm_texts: int64([...captions, ...falseTexts]),
    itm_images: int64([...sampleImages, ...sampleImages]),
    itm_labels: int64([...captions.map(() => 1), ...falseTexts.map(() => 0)]),
  };
}

/** The caption of a random sample with another image. An equal caption is true for this image, too. */
function captionOfAnother({ samples, byIndex, options }: Collation, { index, image, caption }: Sample): TokenIds {
  const local = String(caption);
  const others = byIndex.filter((i) => samples[i]!.image.id !== image.id && String(samples[i]!.caption) !== local);
  if (others.length === 0) {
    const hint = "Make batches larger, or use data with false texts";
    const expected = "falseText, or a sample with another image and another caption, which is false for this one";
    throw new InputError({ code: "missing-data", where: `sample ${index}`, expected, found: "neither", hint });
  }
  const sampled = options.random.at("itm", index).below(others.length);
  return partOf(samples[others[sampled]!]!, "caption", "itm");
}

function itc(batch: Collation): Tensors {
  const { samples, options } = batch;
  const ids = samples.map(({ image }) => image.id);
  return {
    itc_texts: int64(batch.captions("itc")),
    itc_images: int64(batch.sampleImages),
    ...(options.softTargets === true ? { itc_image_ids: int64(ids) } : {}),
  };
}

const itm_itc = (batch: Collation): Tensors => ({
  ...itc(batch),
  itm_itc_image_noise: batch.noise("itm_itc_image_noise"),
  itm_itc_text_noise: batch.noise("itm_itc_text_noise"),
});

function irtr(batch: Collation): Tensors {
  const { samples } = batch;
  const captions = batch.captions("irtr");
  const count = partOf(samples[0]!, "falseTexts", "irtr").length;
  const rows = samples.flatMap((sample, i) => {
    const texts = partOf(sample, "falseTexts", "irtr");
    const where = `falseTexts of sample ${sample.index}`;
    if (texts.length === 0 || texts.length !== count) {
      const expected = `at least one text, as many in each sample (${count} in the first)`;
      throw new InputError({ code: "invalid-dataset", where, expected, found: String(texts.length) });
    }
    return [captions[i]!, ...texts.map((ids) => batch.text(ids, where))];
  });
  return { irtr_texts: int64(rows, [samples.length, 1 + count]), irtr_images: int64(batch.sampleImages) };
}

function vqa(batch: Collation): Tensors {
  const { vqav2_label_size } = batch.options.config;
  const vqa_scores = HostTensor.zeros("float32", [batch.samples.length, vqav2_label_size]);
  const texts = batch.samples.map((sample, i) => {
    const { text, scores } = partOf(sample, "question", "vqa");
    const where = `question of sample ${sample.index}`;
    checkScores(scores, vqav2_label_size, where);
    for (const [answer, score] of scores) vqa_scores.data[i * vqav2_label_size + answer] = score;
    return batch.text(text, where);
  });
  return { vqa_texts: int64(texts), vqa_images: int64(batch.sampleImages), vqa_scores };
}

function snli(batch: Collation): Tensors {
  const parts = batch.samples.map((sample) => {
    const { text, label } = partOf(sample, "hypothesis", "snli");
    const where = `hypothesis of sample ${sample.index}`;
    checkLabel(label, 3, where);
    return { row: batch.text(text, where), label };
  });
  return {
    snli_texts: int64(parts.map(({ row }) => row)),
    snli_images: int64(batch.sampleImages),
    snli_labels: int64(parts.map(({ label }) => label)),
  };
}

function nlvr2(batch: Collation): Tensors {
  const parts = batch.samples.map((sample) => {
    const { text, label, secondImage } = partOf(sample, "statement", "nlvr2");
    const where = `statement of sample ${sample.index}`;
    checkLabel(label, 2, where);
    return { row: batch.text(text, where), second: batch.image(secondImage), label };
  });
  return {
    nlvr2_texts: int64(parts.map(({ row }) => row)),
    nlvr2_first_images: int64(batch.sampleImages),
    nlvr2_second_images: int64(parts.map(({ second }) => second)),
    nlvr2_labels: int64(parts.map(({ label }) => label)),
  };
}

/** The tensors that each objective reads beside the stacks, to which it adds the rows it needs. */
const collators = { mlm, itm, itc, itm_itc, irtr, vqa, snli, nlvr2 } satisfies Record<
  ObjectiveName,
  (batch: Collation) => Tensors
>;
