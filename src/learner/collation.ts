/** The stacks of a batch: texts of few widths, images of one shape, and the rows that objectives refer to. */
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import type { BridgeTowerConfig, ObjectiveName } from "../model/index.js";
import { ignoredLabel } from "../nn/index.js";
import { Uint8Pixels } from "../processing/index.js";
import type { Random } from "../random/index.js";
import type { Masking } from "./masking.js";
import { checkNumber, partOf, type Sample, type SampleImage } from "./sample.js";

export interface CollateOptions {
  readonly config: BridgeTowerConfig;
  /**
   * The stream of this batch. Its labels are the values that random choices depend on: `random.at("epoch", epoch)`, `random.at("step", t,
   * i)`. The order of the samples does not change their random choices.
   */
  readonly random: Random;
  /** Widths in tokens that texts are padded to, from `textBuckets`; a graph is compiled for each. */
  readonly textBuckets: readonly number[];
  /** The stack of images is padded with zeros to a multiple of this, for fewer graphs. Default 1. */
  readonly imageMultiple?: number;
  /** Required for MLM. */
  readonly masking?: Masking;
  /** The false part of the negative pairs of ITM; see `collate`. Default `pictures`. */
  readonly itmFalse?: "pictures" | "texts";
  /** Dual contrastive losses: other pairs of the same image are positives, too. Default false. */
  readonly softTargets?: boolean;
}

export type Tensors = Record<string, HostTensor>;

/** The stacks of texts and images of a batch, to which objectives add rows. */
export class Collation {
  /** Rows of the samples' own images in the stack of images. */
  readonly sampleImages: readonly number[];
  /** Positions of the samples in the order of their indices, in which random choices are made. */
  readonly byIndex: readonly number[];
  private readonly texts: ArrayLike<number | bigint>[] = [];
  private readonly labels = new Map<string, readonly ArrayLike<number | bigint>[]>();
  private readonly images: SampleImage[] = [];
  private readonly imageRows = new Map<number, number>();
  private captionRows: readonly number[] | undefined;

  constructor(
    readonly samples: readonly Sample[],
    readonly options: CollateOptions,
  ) {
    for (const { index } of samples) checkNumber(index, "index of a sample");
    this.sampleImages = samples.map(({ image }) => this.image(image));
    this.byIndex = inAscendingOrder(samples.map(({ index }) => index));
  }

  /** Adds a text. @returns its row */
  text(ids: ArrayLike<number | bigint>, where: string): number {
    const { textBuckets, config } = this.options;
    const maxLength = textBuckets.at(-1)!;
    if (ids.length === 0 || ids.length > maxLength) {
      throw new InputError({
        code: ids.length === 0 ? "invalid-argument" : "text-too-long",
        where,
        expected: `1 to ${maxLength} tokens`,
        found: String(ids.length),
        hint: ids.length === 0 ? undefined : "Truncate it when it is encoded, with maxLength",
      });
    }
    const { vocab_size } = config.text_config;
    const invalid = Array.from(ids, Number).find((id) => !(Number.isInteger(id) && id >= 0 && id < vocab_size));
    if (invalid !== undefined) {
      throw new InputError({
        code: "invalid-tensor",
        where,
        expected: `token ids from 0 to ${vocab_size - 1}`,
        found: String(invalid),
        hint: "Use the tokenizer of the model",
      });
    }
    return this.texts.push(ids) - 1;
  }

  /** Rows of the captions, which all objectives share. */
  captions(objective: ObjectiveName): readonly number[] {
    this.captionRows ??= this.samples.map((sample) =>
      this.text(partOf(sample, "caption", objective), `caption of sample ${sample.index}`),
    );
    return this.captionRows;
  }

  /** Adds an image unless it is in the stack. @returns its row */
  image(image: SampleImage): number {
    const known = this.imageRows.get(image.id);
    if (known !== undefined) return known;
    this.checkImage(image);
    const row = this.images.push(image) - 1;
    this.imageRows.set(image.id, row);
    return row;
  }

  /**
   * Adds labels of tokens, which are padded to the width of the texts.
   * @param name of the tensor
   * @param rows a label for each token of each text
   */
  tokenLabels(name: string, rows: readonly ArrayLike<number | bigint>[]): void {
    this.labels.set(name, rows);
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
    const maxLength = this.texts.reduce((max, { length }) => Math.max(max, length), 0);
    const width = textBuckets.find((bucket) => bucket >= maxLength)!;
    const ones = this.texts.map(({ length }) => new Uint8Array(length).fill(1));
    return {
      input_ids: padded(this.texts, width, config.text_config.pad_token_id),
      attention_mask: padded(ones, width, 0),
      pixel_values: this.pixelValues(),
      ...Object.fromEntries([...this.labels].map(([name, rows]) => [name, padded(rows, width, ignoredLabel)])),
    };
  }

  private pixelValues(): HostTensor<"float32"> | Uint8Pixels {
    const { imageMultiple = 1 } = this.options;
    const count = Math.ceil(this.images.length / imageMultiple) * imageMultiple;
    const [first] = this.images;
    const { dtype, shape } = first!.pixel_values;
    const stack = HostTensor.zeros(dtype, [count, ...shape]);
    this.images.forEach(({ pixel_values }, row) => stack.row(row).data.set(pixel_values.data));
    if (!(first!.pixel_values instanceof Uint8Pixels)) return stack as HostTensor<"float32">;
    const levels = stack.data as Uint8Array<ArrayBuffer>;
    return new Uint8Pixels(stack.shape, levels, first!.pixel_values.levelValues, this.images.length);
  }

  private checkImage({ id, pixel_values }: SampleImage): void {
    checkNumber(id, "id of an image");
    const { dtype, shape } = pixel_values;
    const first = this.images[0]?.pixel_values;
    const channels = this.options.config.vision_config.num_channels;
    const expected = first?.shape ?? [channels, shape[1] ?? 0, shape[2] ?? 0];
    const normalisation = (pixels: SampleImage["pixel_values"]) =>
      pixels instanceof Uint8Pixels ? pixels.levelValues : undefined;
    const fits = first === undefined || (first.dtype === dtype && normalisation(first) === normalisation(pixel_values));
    if (fits && shape.join() === expected.join() && !shape.includes(0)) return;
    throw new InputError({
      code: "shape-mismatch",
      where: `image ${id}`,
      expected:
        first === undefined
          ? `${dtype}[${channels}, height, width]`
          : `${first.dtype}[${expected.join(", ")}], as the first of the batch`,
      found: `${dtype}[${shape.join(", ")}]${fits || first.dtype !== dtype ? "" : " with another normalisation"}`,
      hint: "Process all images with the same settings",
    });
  }
}

/** Positions of the indices in ascending order: random choices are made in this order. */
export const inAscendingOrder = (indices: readonly number[]): number[] =>
  [...indices.keys()].sort((a, b) => indices[a]! - indices[b]!);

/**
 * Widths in tokens to which texts are padded: multiples of `multiple` below `maxLength`, and `maxLength` itself.
 * @example
 * console.log(textBuckets(20)); // [ 8, 16, 20 ]
 */
export function textBuckets(maxLength: number, multiple = 8): number[] {
  const below = Math.ceil(maxLength / multiple) - 1;
  return [...Array.from({ length: below }, (_, i) => (i + 1) * multiple), maxLength];
}

/** @throws InputError unless widths ascend and none exceeds `maxLength`, the limit of the model */
export function checkBuckets(buckets: readonly number[], maxLength: number): void {
  const ascending = buckets.every(
    (width, i) => Number.isInteger(width) && width > (buckets[i - 1] ?? 0) && width <= maxLength,
  );
  if (ascending && buckets.length > 0) return;
  throw new InputError({
    code: "invalid-argument",
    where: "textBuckets",
    expected: `ascending numbers of tokens from 1 to ${maxLength}, the longest text of the model`,
    found: buckets.length === 0 ? "none" : buckets.slice(0, 20).join(", "),
  });
}

/** Rows padded with `fill`: int64 [rows, width]. */
function padded(rows: readonly ArrayLike<number | bigint>[], width: number, fill: number): HostTensor<"int64"> {
  const all = HostTensor.zeros("int64", [rows.length, width]);
  all.data.fill(BigInt(fill));
  rows.forEach((row, i) => all.data.set(Array.from(row, BigInt), i * width));
  return all;
}

/** An int64 tensor, of one axis unless `shape` is given. */
export function int64(values: readonly number[], shape: readonly number[] = [values.length]): HostTensor<"int64"> {
  return new HostTensor("int64", shape, BigInt64Array.from(values, BigInt));
}
