/**
 * Samples by number: their texts as tokens, their images decoded and augmented, and all that is drawn for them. What a sample
 * is follows from seed, epoch and number alone, whichever process asks for it and when.
 */
import { InputError } from "../errors.js";
import type { ImageSource, ImageThreads, RowTexts, TransformKey } from "../data/index.js";
import type { HostTensor } from "../graph/index.js";
import type { ObjectiveName } from "../model/index.js";
import type { Tokenizer } from "../processing/index.js";
import type { Random } from "../random/index.js";
import type { Sample, SampleImage, TokenIds } from "../learner/index.js";
import type { AnswerTable } from "./answer-labels.js";
import { usableTexts, type Unit, type Units } from "./epoch-index.js";

export interface SampleOptions {
  readonly objectives: readonly ObjectiveName[];
  readonly tokenizer: Tokenizer;
  readonly max_text_len: number;
  readonly answers: AnswerTable | undefined;
  /** False texts of each sample; read by IRTR. */
  readonly falseTexts: number;
  /** What ITM shows as false. */
  readonly itmFalse: "pictures" | "texts";
  readonly transform: { readonly key: TransformKey; readonly image_size: number };
  readonly seed: number;
}

/** An image that could not be read, which another one stands in for. */
export interface BrokenImage {
  readonly name: string;
  readonly problem: string;
}

/** What is made of one number. */
export interface MadeSample {
  readonly sample: Sample;
  /** Names of its images, for messages. */
  readonly images: readonly string[];
  /** Images that others stand in for. */
  readonly broken: readonly BrokenImage[];
}

const maxDraws = 20;
/** Share of samples whose false text is one of their row's negatives; the others are shown another sample's caption. */
const ownFalseTexts = 0.75;

/** Images of one micro-batch by their ids: each is decoded once. */
export type ImageCache = Map<number, Promise<HostTensor<"float32">>>;

export class SampleSource {
  constructor(
    readonly units: Units,
    private readonly threads: ImageThreads,
    private readonly options: SampleOptions,
    /** The stream of the seed. */
    private readonly random: Random,
  ) {}

  /**
   * @param needsFalseImage whether ITM shows it with an image of another sample
   * @throws InputError when no readable image was found in many draws
   */
  async make(epoch: number, index: number, needsFalseImage: boolean, cache: ImageCache): Promise<MadeSample> {
    const { objectives } = this.options;
    const random = this.random.at("sample", epoch, index);
    const own: Draws = { epoch, index, cache, random: random.at("other"), from: [0, this.units.length] };
    // Both begin before either is waited for: which sample asks first for an image that two share must not be left to time.
    const [found, other] = await Promise.all([
      this.readable(this.units.at(index), own),
      needsFalseImage ? this.falseImage(own, random.at("false")) : undefined,
    ]);
    const { unit, images } = found;
    const falseImage = other?.images[0];
    const wants = (...names: ObjectiveName[]) => names.some((name) => objectives.includes(name));
    const [first, second] = images;
    const texts = unit.dataset.texts(unit.row);
    const textOf = <T>(kind: "questions" | "hypotheses" | "statements", list: readonly T[]): T => {
      if (this.units.kinds[0] === kind) return list[unit.text]!;
      const usable = usableTexts(unit.dataset, unit.row, kind, this.options.answers);
      return list[usable[random.at(kind).below(usable.length)]!]!;
    };
    const sample: Sample = {
      index,
      image: first!.image,
      ...(wants("mlm", "itm", "itc", "itm_itc", "irtr") ? { caption: this.ids(texts.captions[unit.text]!) } : {}),
      ...(falseImage === undefined ? {} : { falseImage: falseImage.image }),
      ...this.falseText(texts, random.at("negative")),
      ...(wants("irtr") ? { falseTexts: this.falseTexts(index, random.at("texts")) } : {}),
      ...(wants("vqa") ? { question: this.question(textOf("questions", texts.questions)) } : {}),
      ...(wants("snli") ? { hypothesis: this.labelled(textOf("hypotheses", texts.hypotheses)) } : {}),
      ...(wants("nlvr2")
        ? {
            statement: {
              ...this.labelled(textOf("statements", texts.statements)),
              // A unit has two, as `Units` checks.
              secondImage: second!.image,
            },
          }
        : {}),
    };
    const names = [...images, ...(falseImage === undefined ? [] : [falseImage])].map(({ name }) => name);
    return { sample, images: names, broken: [...found.broken, ...(other?.broken ?? [])] };
  }

  /** The unit itself, or one drawn in its place while images cannot be read. */
  private async readable(unit: Unit, draws: Draws): Promise<Readable> {
    const {
      random,
      from: [from, to],
      cache,
    } = draws;
    const broken: BrokenImage[] = [];
    let tried = unit;
    // What is drawn in another's place is made ready for this sample alone.
    for (let attempt = 0, known = cache; attempt <= maxDraws; attempt++, known = new Map()) {
      const results = await this.imagesOf(tried, { ...draws, cache: known });
      const images = results.filter((result) => "image" in result);
      if (images.length === results.length) return { unit: tried, images, broken };
      broken.push(...results.filter((result) => "problem" in result));
      tried = this.units.at(from + random.below(to - from));
    }
    throw new InputError({
      code: "missing-data",
      where: unit.dataset.name,
      expected: "images that can be read",
      found: `none in ${maxDraws} draws; the first problem: ${broken[0]!.problem.replace(/\.$/, "")}`,
      hint: "Check that the images are still there",
    });
  }

  /** Of another unit of the same data set, drawn. */
  private falseImage({ epoch, index, cache }: Draws, random: Random): Promise<Readable> {
    const from = this.units.peers(index);
    const drawn = this.units.at(from[0] + random.below(from[1] - from[0]));
    return this.readable(drawn, { epoch, index, cache, random: random.at("other"), from });
  }

  /** One of the row's own, often enough for the model to learn what they differ in. */
  private falseText(texts: RowTexts, random: Random): Pick<Sample, "falseText"> {
    const { objectives, itmFalse } = this.options;
    if (itmFalse === "pictures" || !objectives.includes("itm")) return {};
    // Not before: generated texts are drawn when they are read.
    const { negatives } = texts;
    if (random.uniform() >= ownFalseTexts || negatives.length === 0) return {};
    return { falseText: this.ids(negatives[random.below(negatives.length)]!.text) };
  }

  private falseTexts(index: number, random: Random): TokenIds[] {
    const [from, to] = this.units.peers(index);
    return Array.from({ length: this.options.falseTexts }, () => {
      const { dataset, row, text } = this.units.at(from + random.below(to - from));
      return this.ids(dataset.texts(row).captions[text]!);
    });
  }

  private question(question: Parameters<AnswerTable["targets"]>[0]): NonNullable<Sample["question"]> {
    return { text: this.ids(question.question), scores: this.options.answers!.targets(question) };
  }

  private labelled({ text, label }: { readonly text: string; readonly label?: number }) {
    // Those without a label are no units.
    return { text: this.ids(text), label: label! };
  }

  private ids(text: string): TokenIds {
    return this.options.tokenizer.encode(text, { maxLength: this.options.max_text_len }).ids;
  }

  /** One or two, or in their places why they cannot be read. */
  private imagesOf(unit: Unit, draws: Draws): Promise<readonly (Named | BrokenImage)[]> {
    const sources = unit.dataset.images(unit.row).slice(0, this.options.objectives.includes("nlvr2") ? 2 : 1);
    return Promise.all(sources.map((source, side) => this.image(source, 2 * unit.globalRow + side, draws)));
  }

  private async image(source: ImageSource, id: number, { epoch, index, cache }: Draws): Promise<Named | BrokenImage> {
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
  readonly unit: Unit;
  readonly images: readonly Named[];
  readonly broken: readonly BrokenImage[];
}

/** What a sample is made with. */
interface Draws {
  readonly epoch: number;
  readonly index: number;
  readonly cache: ImageCache;
  /** Of units in the place of others. */
  readonly random: Random;
  /** Units that are drawn from: first, and the one behind the last. */
  readonly from: readonly [number, number];
}
