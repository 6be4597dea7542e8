/**
 * Samples to a batch: all texts and all images in one stack each, so that the towers run once, and for each objective the
 * rows that go together. Objectives share rows: captions stand there once, and so does every image.
 */
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import { maxTextLength, type BridgeTowerConfig, type ObjectiveName } from "../model/index.js";
import { objectiveWeights, type Batch, type ObjectiveWeights } from "./batch.js";
import {
  checkLabel,
  checkNumber,
  checkScores,
  partOf,
  type Sample,
  type SampleImage,
  type TokenIds,
} from "./collate-sample.js";
import { checkBuckets, int64, padded } from "./collate-tokens.js";
import { maskTokens, type Masking } from "./masking.js";
import type { Random } from "../random/index.js";

export interface CollateOptions {
  readonly config: BridgeTowerConfig;
  /**
   * The stream of this batch, by what the run wants chance to depend on: `random.at("epoch", epoch)`, `random.at("step", t, i)`.
   * The order of the samples has no part in what is drawn.
   */
  readonly random: Random;
  /** Widths in tokens that texts are padded to, as `textBuckets` makes them; a graph is compiled for each. */
  readonly textBuckets: readonly number[];
  /** Zeros are added to the stack of images up to a multiple of this, for fewer graphs. Default 1. */
  readonly imageMultiple?: number;
  /** Needed for MLM. */
  readonly masking?: Masking;
  /** What ITM shows as false; see `collate`. Default `images`. */
  readonly itmFalse?: "pictures" | "texts";
  /** Dual contrastive losses: pairs of the same image count as partners. Default false. */
  readonly softTargets?: boolean;
}

type Tensors = Record<string, HostTensor>;

/** What one objective reads beside the stacks, on which it puts what it needs. */
type Collator = (step: Collation) => Tensors;

/**
 * One micro-batch of the samples, in their order.
 *
 * ITM: ⌊samples / 2⌋ of them, drawn, keep their image, the others get their false one, which is stacked behind the true ones
 * unless it is among them. The authors shuffle the rows; here the drawn labels are shuffled. With false texts every image is shown
 * twice instead, with its caption and with its `falseText` or, where it has none, the caption of another sample.
 * @throws InputError naming the sample that lacks what an objective reads, or has it of the wrong kind
 */
export function collate(samples: readonly Sample[], objectives: ObjectiveWeights, options: CollateOptions): Batch {
  const names = objectiveWeights(objectives).map(([name]) => name);
  if (samples.length === 0) {
    throw new InputError({ code: "invalid-argument", where: "batch", expected: "at least one sample", found: "none" });
  }
  checkBuckets(options.textBuckets, maxTextLength(options.config.text_config));
  const step = new Collation(samples, options);
  const tensors = names.map((name) => collators[name](step));
  return Object.assign(step.stacks(), ...tensors) as Batch;
}

/** A batch that grows. */
class Collation {
  /** Rows of the stack of images that the samples' own images have. */
  readonly sampleImages: readonly number[];
  /** Samples by index: draws are taken in this order. */
  readonly byIndex: readonly number[];
  private readonly texts: ArrayLike<number | bigint>[] = [];
  private readonly labels: ArrayLike<number | bigint>[] = [];
  private readonly images: SampleImage[] = [];
  private readonly imageRows = new Map<number, number>();
  private captionRows: readonly number[] | undefined;

  constructor(
    readonly samples: readonly Sample[],
    readonly options: CollateOptions,
  ) {
    for (const { index } of samples) checkNumber(index, "index of a sample");
    this.sampleImages = samples.map(({ image }) => this.image(image));
    this.byIndex = ascending(samples.map(({ index }) => index));
  }

  /** The row of a text, which gets a new one. */
  text(ids: ArrayLike<number | bigint>, where: string): number {
    const { textBuckets, config } = this.options;
    const longest = textBuckets.at(-1)!;
    if (ids.length === 0 || ids.length > longest) {
      throw new InputError({
        code: ids.length === 0 ? "invalid-argument" : "text-too-long",
        where,
        expected: `1 to ${longest} tokens`,
        found: String(ids.length),
        ...(ids.length === 0 ? {} : { hint: "Cut it when it is encoded, with maxLength" }),
      });
    }
    const { vocab_size } = config.text_config;
    const odd = Array.from(ids, Number).find((id) => !(Number.isInteger(id) && id >= 0 && id < vocab_size));
    if (odd !== undefined) {
      const hint = "Use the tokenizer that goes with the model";
      throw new InputError({
        code: "invalid-tensor",
        where,
        expected: `token ids from 0 to ${vocab_size - 1}`,
        found: String(odd),
        hint,
      });
    }
    return this.texts.push(ids) - 1;
  }

  /** Rows of the captions, the same for all objectives. */
  captions(objective: ObjectiveName): readonly number[] {
    this.captionRows ??= this.samples.map((sample) =>
      this.text(partOf(sample, "caption", objective), `caption of sample ${sample.index}`),
    );
    return this.captionRows;
  }

  /** The row of an image, old or new. */
  image(image: SampleImage): number {
    const known = this.imageRows.get(image.id);
    if (known !== undefined) return known;
    this.checkImage(image);
    const row = this.images.push(image) - 1;
    this.imageRows.set(image.id, row);
    return row;
  }

  /** The captions, each with tokens hidden, as texts of their own. */
  maskedCaptions(masking: Masking): number[] {
    return this.samples.map((sample) => {
      const caption = partOf(sample, "caption", "mlm");
      const { input_ids, labels } = maskTokens(caption, masking, this.options.random.at("mask", sample.index));
      this.labels.push(labels);
      return this.text(input_ids, `caption of sample ${sample.index}`);
    });
  }

  /** Gumbel noise for every pair of samples, [samples, samples]. */
  noise(label: string): HostTensor<"float32"> {
    const count = this.samples.length;
    const noise = HostTensor.zeros("float32", [count, count]);
    const random = this.options.random.at(label);
    for (const row of this.byIndex)
      for (const column of this.byIndex) noise.data[row * count + column] = random.gumbel();
    return noise;
  }

  stacks(): Tensors {
    const { textBuckets, config } = this.options;
    const longest = this.texts.reduce((most, { length }) => Math.max(most, length), 0);
    const width = textBuckets.find((bucket) => bucket >= longest)!;
    const ones = this.texts.map(({ length }) => new Uint8Array(length).fill(1));
    return {
      input_ids: padded(this.texts, width, config.text_config.pad_token_id),
      attention_mask: padded(ones, width, 0),
      pixel_values: this.pixelValues(),
      // Beside the stacks because their width is that of the texts.
      ...(this.labels.length === 0 ? {} : { mlm_labels: padded(this.labels, width, -100) }),
    };
  }

  private pixelValues(): HostTensor<"float32"> {
    const { imageMultiple = 1 } = this.options;
    const count = Math.ceil(this.images.length / imageMultiple) * imageMultiple;
    const stack = HostTensor.zeros("float32", [count, ...this.images[0]!.pixel_values.shape]);
    this.images.forEach(({ pixel_values }, row) => stack.row(row).data.set(pixel_values.data));
    return stack;
  }

  private checkImage({ id, pixel_values: { shape } }: SampleImage): void {
    checkNumber(id, "id of an image");
    const channels = this.options.config.vision_config.num_channels;
    const wanted = this.images[0]?.pixel_values.shape ?? [channels, shape[1] ?? 0, shape[2] ?? 0];
    if (shape.join() === wanted.join() && !shape.includes(0)) return;
    throw new InputError({
      code: "shape-mismatch",
      where: `image ${id}`,
      expected:
        this.images.length === 0
          ? `float32[${channels}, height, width]`
          : `float32[${wanted.join(", ")}], as the first of the batch`,
      found: `float32[${shape.join(", ")}]`,
      hint: "Process all images with the same settings",
    });
  }
}

function mlm(step: Collation): Tensors {
  const { masking } = step.options;
  if (masking === undefined) {
    throw new InputError({
      code: "invalid-argument",
      where: "masking",
      expected: "how mlm hides tokens",
      found: "nothing",
    });
  }
  return { mlm_texts: int64(step.maskedCaptions(masking)), mlm_images: int64(step.sampleImages) };
}

/**
 * Which samples of a micro-batch keep their own image for ITM: 1 for ⌊samples / 2⌋ of them, drawn, 0 for those that need a
 * false one.
 * @param indices `index` of each sample
 * @param random  the stream of the micro-batch, as `collate` gets it
 */
export function itmLabels(indices: readonly number[], random: Random): number[] {
  const order = random.at("itm").permutation(indices.length);
  const labels = new Array<number>(indices.length);
  ascending(indices).forEach((row, i) => (labels[row] = order[i]! < Math.floor(indices.length / 2) ? 1 : 0));
  return labels;
}

/** Places of the indices, the smallest first: draws are taken in this order. */
const ascending = (indices: readonly number[]): number[] =>
  [...indices.keys()].sort((a, b) => indices[a]! - indices[b]!);

function itm(step: Collation): Tensors {
  return step.options.itmFalse === "texts" ? itmWithFalseTexts(step) : itmWithFalseImages(step);
}

function itmWithFalseImages(step: Collation): Tensors {
  const { samples, sampleImages } = step;
  const labels = itmLabels(
    samples.map(({ index }) => index),
    step.options.random,
  );
  return {
    itm_texts: int64(step.captions("itm")),
    itm_images: int64(
      samples.map((sample, i) =>
        labels[i] === 1 ? sampleImages[i]! : step.image(partOf(sample, "falseImage", "itm")),
      ),
    ),
    itm_labels: int64(labels),
  };
}

function itmWithFalseTexts(step: Collation): Tensors {
  const { samples, sampleImages } = step;
  const captions = step.captions("itm");
  // Others' captions get rows of their own: stacks of one height make one graph.
  const falseTexts = samples.map((sample) =>
    step.text(sample.falseText ?? captionOfAnother(step, sample), `falseText of sample ${sample.index}`),
  );
  return {
    itm_texts: int64([...captions, ...falseTexts]),
    itm_images: int64([...sampleImages, ...sampleImages]),
    itm_labels: int64([...captions.map(() => 1), ...falseTexts.map(() => 0)]),
  };
}

/** Of a sample with another image, drawn. */
function captionOfAnother({ samples, byIndex, options }: Collation, { index, image }: Sample): TokenIds {
  const others = byIndex.filter((i) => samples[i]!.image.id !== image.id);
  if (others.length === 0) {
    const hint = "Make batches larger, or use data with false texts";
    const expected = "falseText, or a sample with another image, whose caption is false of this one";
    throw new InputError({ code: "missing-data", where: `sample ${index}`, expected, found: "neither", hint });
  }
  const drawn = options.random.at("itm", index).below(others.length);
  return partOf(samples[others[drawn]!]!, "caption", "itm");
}

function itc(step: Collation): Tensors {
  const { samples, options } = step;
  const ids = samples.map(({ image }) => image.id);
  return {
    itc_texts: int64(step.captions("itc")),
    itc_images: int64(step.sampleImages),
    ...(options.softTargets === true ? { itc_image_ids: int64(ids) } : {}),
  };
}

const itm_itc: Collator = (step) => ({
  ...itc(step),
  itm_itc_image_noise: step.noise("itm_itc_image_noise"),
  itm_itc_text_noise: step.noise("itm_itc_text_noise"),
});

function irtr(step: Collation): Tensors {
  const { samples } = step;
  const captions = step.captions("irtr");
  const count = partOf(samples[0]!, "falseTexts", "irtr").length;
  const rows = samples.flatMap((sample, i) => {
    const texts = partOf(sample, "falseTexts", "irtr");
    const where = `falseTexts of sample ${sample.index}`;
    if (texts.length === 0 || texts.length !== count) {
      const expected = `at least one text, as many in each sample (${count} in the first)`;
      throw new InputError({ code: "invalid-dataset", where, expected, found: String(texts.length) });
    }
    return [captions[i]!, ...texts.map((ids) => step.text(ids, where))];
  });
  return { irtr_texts: int64(rows, [samples.length, 1 + count]), irtr_images: int64(step.sampleImages) };
}

function vqa(step: Collation): Tensors {
  const { vqav2_label_size } = step.options.config;
  const vqa_scores = HostTensor.zeros("float32", [step.samples.length, vqav2_label_size]);
  const texts = step.samples.map((sample, i) => {
    const { text, scores } = partOf(sample, "question", "vqa");
    const where = `question of sample ${sample.index}`;
    checkScores(scores, vqav2_label_size, where);
    for (const [answer, score] of scores) vqa_scores.data[i * vqav2_label_size + answer] = score;
    return step.text(text, where);
  });
  return { vqa_texts: int64(texts), vqa_images: int64(step.sampleImages), vqa_scores };
}

function snli(step: Collation): Tensors {
  const parts = step.samples.map((sample) => {
    const { text, label } = partOf(sample, "hypothesis", "snli");
    const where = `hypothesis of sample ${sample.index}`;
    checkLabel(label, 3, where);
    return { row: step.text(text, where), label };
  });
  return {
    snli_texts: int64(parts.map(({ row }) => row)),
    snli_images: int64(step.sampleImages),
    snli_labels: int64(parts.map(({ label }) => label)),
  };
}

function nlvr2(step: Collation): Tensors {
  const parts = step.samples.map((sample) => {
    const { text, label, secondImage } = partOf(sample, "statement", "nlvr2");
    const where = `statement of sample ${sample.index}`;
    checkLabel(label, 2, where);
    return { row: step.text(text, where), second: step.image(secondImage), label };
  });
  return {
    nlvr2_texts: int64(parts.map(({ row }) => row)),
    nlvr2_first_images: int64(step.sampleImages),
    nlvr2_second_images: int64(parts.map(({ second }) => second)),
    nlvr2_labels: int64(parts.map(({ label }) => label)),
  };
}

const collators = { mlm, itm, itc, itm_itc, irtr, vqa, snli, nlvr2 } satisfies Record<ObjectiveName, Collator>;
