/**
 * Samples by number: their texts as tokens, their images decoded and augmented, and their random choices. A sample depends on seed, epoch
 * and number alone, not on the process or the time.
 */
import { InputError } from "../errors.js";
import { isSystemFailure } from "../files/index.js";
import type { ImageSource, ImageThreads, Question, RowTexts, TextKind, TransformKey } from "../data/index.js";
import type { ObjectiveName } from "../model/index.js";
import type { Tokenizer, Uint8Pixels } from "../processing/index.js";
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
/** Random attempts to find a false image or text. After these, the next suitable sample in order is taken. */
const maxNegativeAttempts = 32;

/** Images of one micro-batch by id. Each is decoded once. */
export type ImageCache = Map<number, Promise<Uint8Pixels>>;

export class SampleSource {
  constructor(
    readonly epochIndex: EpochIndex,
    private readonly threads: ImageThreads,
    private readonly options: SampleOptions,
    /** The stream of the run. */
    private readonly random: Random,
  ) {
    const { objectives, itmFalse } = options;
    const samplesImages = objectives.includes("itm") && itmFalse === "pictures";
    if (samplesImages || objectives.includes("irtr")) epochIndex.requireOtherRows();
  }

  /**
   * @param needsFalseImage whether it is a negative pair of ITM, with an image of another row
   * @throws InputError if none of many replacements of an image can be read, or all captions of a data set are the same for IRTR
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
    const requested = this.epochIndex.at(index);
    const [loaded, firstNegative] = await Promise.all([
      this.readable(requested, context),
      needsFalseImage ? this.falseImage(requested, context, random.at("false")) : undefined,
    ]);
    const { ref, images } = loaded;
    // A sample with a broken image may have been replaced by the row of its false image.
    const isSameRow = firstNegative?.ref.globalRow === ref.globalRow;
    const negative = isSameRow ? await this.falseImage(ref, context, random.at("false", "replaced")) : firstNegative;
    const falseImage = negative?.images[0];
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
      falseTexts: objectives.includes("irtr") ? this.falseTexts(ref, index, random.at("texts")) : undefined,
      question: reads("questions") ? this.question(textOf("questions", texts.questions), ref) : undefined,
      hypothesis: reads("hypotheses") ? this.labelled(textOf("hypotheses", texts.hypotheses)) : undefined,
      statement: reads("statements")
        ? {
            ...this.labelled(textOf("statements", texts.statements)),
            // `EpochIndex` has checked that there are two.
            secondImage: second!.image,
          }
        : undefined,
    };
    const names = [...images, ...(falseImage === undefined ? [] : [falseImage])].map(({ name }) => name);
    const negatives = isSameRow ? [firstNegative, negative] : [negative];
    const broken = [...loaded.broken, ...negatives.flatMap((one) => one?.broken ?? [])];
    return { sample, images: names, broken };
  }

  /** The sample itself, or a random replacement while images cannot be read. */
  private async readable(ref: SampleRef, context: SampleContext): Promise<Readable> {
    const {
      random,
      from: [from, to],
      cache,
      excludedRow,
    } = context;
    const broken: BrokenImage[] = [];
    let tried = ref;
    // A replacement is loaded for this sample alone.
    for (let attempt = 0, known = cache; attempt <= maxReplacements; attempt++, known = new Map()) {
      const results = await this.imagesOf(tried, { ...context, cache: known });
      const images = results.filter((result) => "image" in result);
      if (images.length === results.length) return { ref: tried, images, broken };
      broken.push(...results.filter((result) => "problem" in result));
      do tried = this.epochIndex.at(from + random.below(to - from));
      while (tried.globalRow === excludedRow);
    }
    throw new InputError({
      code: "missing-data",
      where: ref.dataset.name,
      expected: "images that can be read",
      found: `none in ${maxReplacements} tries; the first problem: ${broken[0]!.problem.replace(/\.$/, "")}`,
      hint: "Check that the images still exist",
    });
  }

  /** The images of a random sample of another row of the data set. */
  private falseImage(ref: SampleRef, { epoch, index, cache }: SampleContext, random: Random): Promise<Readable> {
    const from = this.epochIndex.rangeOfDataset(index);
    const sampled = this.sampleOther(from, random, ({ globalRow }) => globalRow !== ref.globalRow);
    // There is one: `requireOtherRows` has checked it.
    const context = { epoch, index, cache, random: random.at("other"), from, excludedRow: ref.globalRow };
    return this.readable(sampled!, context);
  }

  /**
   * A random negative. The first attempt uses `random`, and further ones use another stream, so that their number does not change later
   * random choices.
   * @returns undefined if no sample of the range is one
   */
  private sampleOther(
    [from, to]: readonly [number, number],
    random: Random,
    isNegative: (sampled: SampleRef) => boolean,
    label = 0,
  ): SampleRef | undefined {
    const first = from + random.below(to - from);
    if (isNegative(this.epochIndex.at(first))) return this.epochIndex.at(first);
    const again = random.at("again", label);
    for (let attempt = 0; attempt < maxNegativeAttempts; attempt++) {
      const sampled = this.epochIndex.at(from + again.below(to - from));
      if (isNegative(sampled)) return sampled;
    }
    for (let offset = 1; offset < to - from; offset++) {
      const next = this.epochIndex.at(from + ((first - from + offset) % (to - from)));
      if (isNegative(next)) return next;
    }
    return undefined;
  }

  /** A hard negative of the row, or none, for a caption of another sample. */
  private falseText(texts: RowTexts, random: Random): Pick<Sample, "falseText"> {
    const { objectives, itmFalse } = this.options;
    if (itmFalse === "pictures" || !objectives.includes("itm")) return {};
    // Read late: a data set in code may create its texts when they are read.
    const { negatives } = texts;
    if (random.uniform() >= hardNegativeShare || negatives.length === 0) return {};
    return { falseText: this.ids(negatives[random.below(negatives.length)]!.text) };
  }

  /** Captions of other rows that this row does not have. */
  private falseTexts(ref: SampleRef, index: number, random: Random): TokenIds[] {
    const range = this.epochIndex.rangeOfDataset(index);
    const { captions } = ref.dataset.texts(ref.row);
    const captionOf = ({ dataset, row, text }: SampleRef) => dataset.texts(row).captions[text]!;
    const isNegative = (sampled: SampleRef) =>
      sampled.globalRow !== ref.globalRow && !captions.includes(captionOf(sampled));
    return Array.from({ length: this.options.falseTexts }, (_, i) => {
      const sampled = this.sampleOther(range, random, isNegative, i);
      if (sampled !== undefined) return this.ids(captionOf(sampled));
      throw new InputError({
        code: "missing-data",
        where: this.epochIndex.at(index).dataset.name,
        expected: `a caption that row ${ref.row} does not have, as a false text of the objective irtr`,
        found: "none",
      });
    });
  }

  private question(question: Question, { dataset, row }: SampleRef): NonNullable<Sample["question"]> {
    const scores = this.options.answers!.targets(question);
    if (scores.size > 0) return { text: this.ids(question.question), scores };
    // Questions without a known answer are no samples, but they were not checked if the data set says that all are labelled.
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
      if (!(error instanceof InputError) || isSystemFailure(error)) throw error;
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
  /** The row that replacements must not be taken from. */
  readonly excludedRow?: number;
}
