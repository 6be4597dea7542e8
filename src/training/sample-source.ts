/**
 * Samples by number: their texts as tokens, their images decoded and augmented, and their random choices. A sample depends on seed, epoch
 * and number alone, not on the process or the time.
 */
import { InputError } from "../errors.js";
import type { ImageSource, ImageThreads, Question, RowTexts, TextKind, TransformKey } from "../data/index.js";
import type { HostTensor } from "../graph/index.js";
import type { ObjectiveName } from "../model/index.js";
import type { Tokenizer } from "../processing/index.js";
import type { Random } from "../random/index.js";
import type { Sample, SampleImage, TokenIds } from "../learner/index.js";
import type { AnswerTable } from "./answer-labels.js";
import { usableTexts, type SampleRef, type EpochIndex } from "./epoch-index.js";

export interface SampleOptions {
  readonly objectives: readonly ObjectiveName[];
  readonly tokenizer: Tokenizer;
  readonly max_text_len: number;
  readonly answers: AnswerTable | undefined;
  /** Number of false texts of each sample, for IRTR. */
  readonly falseTexts: number;
  /** The false part of the negative pairs of ITM. */
  readonly itmFalse: "pictures" | "texts";
  readonly transform: { readonly key: TransformKey; readonly image_size: number };
  readonly seed: number;
}

/** An image that could not be read and was replaced by another one. */
export interface BrokenImage {
  readonly name: string;
  readonly problem: string;
}

export interface MadeSample {
  readonly sample: Sample;
  /** Names of its images, for messages. */
  readonly images: readonly string[];
  /** Images that were replaced. */
  readonly broken: readonly BrokenImage[];
}

/** Replacements that are tried for an image. */
const maxReplacements = 20;
/** Share of samples whose false text is a hard negative of their row. The others get the caption of another sample. */
const hardNegativeShare = 0.75;

/** Images of one micro-batch by id. Each is decoded once. */
export type ImageCache = Map<number, Promise<HostTensor<"float32">>>;

export class SampleSource {
  constructor(
    readonly epochIndex: EpochIndex,
    private readonly threads: ImageThreads,
    private readonly options: SampleOptions,
    /** The stream of the run. */
    private readonly random: Random,
  ) {}

  /**
   * @param needsFalseImage whether it is a negative pair of ITM, with an image of another sample
   * @throws InputError if many replacements of an image cannot be read, either
   */
  async make(epoch: number, index: number, needsFalseImage: boolean, cache: ImageCache): Promise<MadeSample> {
    const { objectives } = this.options;
    const random = this.random.at("sample", epoch, index);
    const context: SampleContext = {
      epoch,
      index,
      cache,
      random: random.at("other"),
      from: [0, this.epochIndex.length],
    };
    // Both start before either is awaited: which sample loads a shared image first must not depend on timing.
    const [found, other] = await Promise.all([
      this.readable(this.epochIndex.at(index), context),
      needsFalseImage ? this.falseImage(context, random.at("false")) : undefined,
    ]);
    const { ref, images } = found;
    const falseImage = other?.images[0];
    const reads = (kind: TextKind) => this.epochIndex.kinds.includes(kind);
    const [first, second] = images;
    const texts = ref.dataset.texts(ref.row);
    const textOf = <T>(kind: "questions" | "hypotheses" | "statements", list: readonly T[]): T => {
      if (this.epochIndex.kinds[0] === kind) return list[ref.text]!;
      const usable = usableTexts(ref.dataset, ref.row, kind, this.options.answers);
      return list[usable[random.at(kind).below(usable.length)]!]!;
    };
    const sample: Sample = {
      index,
      image: first!.image,
      caption: reads("captions") ? this.ids(texts.captions[ref.text]!) : undefined,
      falseImage: falseImage?.image,
      ...this.falseText(texts, random.at("negative")),
      falseTexts: objectives.includes("irtr") ? this.falseTexts(index, random.at("texts")) : undefined,
      question: reads("questions") ? this.question(textOf("questions", texts.questions), ref) : undefined,
      hypothesis: reads("hypotheses") ? this.labelled(textOf("hypotheses", texts.hypotheses)) : undefined,
      statement: reads("statements")
        ? {
            ...this.labelled(textOf("statements", texts.statements)),
            // It has two, as `EpochIndex` checks.
            secondImage: second!.image,
          }
        : undefined,
    };
    const names = [...images, ...(falseImage === undefined ? [] : [falseImage])].map(({ name }) => name);
    return { sample, images: names, broken: [...found.broken, ...(other?.broken ?? [])] };
  }

  /** The sample itself, or a random replacement while images cannot be read. */
  private async readable(ref: SampleRef, context: SampleContext): Promise<Readable> {
    const {
      random,
      from: [from, to],
      cache,
    } = context;
    const broken: BrokenImage[] = [];
    let tried = ref;
    // A replacement is loaded for this sample alone.
    for (let attempt = 0, known = cache; attempt <= maxReplacements; attempt++, known = new Map()) {
      const results = await this.imagesOf(tried, { ...context, cache: known });
      const images = results.filter((result) => "image" in result);
      if (images.length === results.length) return { ref: tried, images, broken };
      broken.push(...results.filter((result) => "problem" in result));
      tried = this.epochIndex.at(from + random.below(to - from));
    }
    throw new InputError({
      code: "missing-data",
      where: ref.dataset.name,
      expected: "images that can be read",
      found: `none in ${maxReplacements} tries; the first problem: ${broken[0]!.problem.replace(/\.$/, "")}`,
      hint: "Check that the images still exist",
    });
  }

  /** The images of a random sample of the same data set. */
  private falseImage({ epoch, index, cache }: SampleContext, random: Random): Promise<Readable> {
    const from = this.epochIndex.rangeOfDataset(index);
    const sampled = this.epochIndex.at(from[0] + random.below(from[1] - from[0]));
    return this.readable(sampled, { epoch, index, cache, random: random.at("other"), from });
  }

  /** A hard negative of the row, or none, for a caption of another sample. */
  private falseText(texts: RowTexts, random: Random): Pick<Sample, "falseText"> {
    const { objectives, itmFalse } = this.options;
    if (itmFalse === "pictures" || !objectives.includes("itm")) return {};
    // Not before: a data set in code may make its texts when they are read.
    const { negatives } = texts;
    if (random.uniform() >= hardNegativeShare || negatives.length === 0) return {};
    return { falseText: this.ids(negatives[random.below(negatives.length)]!.text) };
  }

  private falseTexts(index: number, random: Random): TokenIds[] {
    const [from, to] = this.epochIndex.rangeOfDataset(index);
    return Array.from({ length: this.options.falseTexts }, () => {
      const { dataset, row, text } = this.epochIndex.at(from + random.below(to - from));
      return this.ids(dataset.texts(row).captions[text]!);
    });
  }

  private question(question: Question, { dataset, row }: SampleRef): NonNullable<Sample["question"]> {
    const scores = this.options.answers!.targets(question);
    if (scores.size > 0) return { text: this.ids(question.question), scores };
    // Others are no samples; those of a data set that calls itself labelled were not read before.
    throw new InputError({
      code: "invalid-setting",
      where: "answers",
      expected: `an answer to each question of ${dataset.name}, which says that all are labelled`,
      found: `none of ${JSON.stringify(question.answers.map(({ answer }) => answer))}, row ${row}`,
    });
  }

  private labelled({ text, label }: { readonly text: string; readonly label?: number }) {
    // Texts without a label are no samples.
    return { text: this.ids(text), label: label! };
  }

  private ids(text: string): TokenIds {
    return this.options.tokenizer.encode(text, { maxLength: this.options.max_text_len }).ids;
  }

  /** One or two images, or the reasons why they cannot be read. */
  private imagesOf(ref: SampleRef, context: SampleContext): Promise<readonly (Named | BrokenImage)[]> {
    const sources = ref.dataset.images(ref.row).slice(0, this.epochIndex.kinds.includes("statements") ? 2 : 1);
    return Promise.all(sources.map((source, side) => this.image(source, 2 * ref.globalRow + side, context)));
  }

  private async image(
    source: ImageSource,
    id: number,
    { epoch, index, cache }: SampleContext,
  ): Promise<Named | BrokenImage> {
    const { transform, seed } = this.options;
    const known =
      cache.get(id) ?? this.threads.process({ source, transform, seed, labels: ["picture", epoch, index, id] });
    cache.set(id, known);
    try {
      return { name: source.name, image: { id, pixel_values: await known } };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { name: source.name, problem: error.message };
    }
  }
}

interface Named {
  readonly name: string;
  readonly image: SampleImage;
}

interface Readable {
  readonly ref: SampleRef;
  readonly images: readonly Named[];
  readonly broken: readonly BrokenImage[];
}

/** The context for reading the sources of a sample. */
interface SampleContext {
  readonly epoch: number;
  readonly index: number;
  readonly cache: ImageCache;
  /** The stream of replacements. */
  readonly random: Random;
  /** Range of samples to choose replacements from; the end is exclusive. */
  readonly from: readonly [number, number];
}
