/** One row of the data as objectives read it, and the checks that name an invalid sample. */
import { InputError } from "../errors.js";
import type { HostTensor } from "../graph/index.js";
import type { ObjectiveName } from "../model/index.js";
import type { Uint8Pixels } from "../processing/index.js";

/** Token ids of a text, special ones included, without padding. */
export type TokenIds = readonly number[];

export interface SampleImage {
  /** Number of the image in the data. An image that occurs twice in a batch is in the stack once, as it was given first. */
  readonly id: number;
  /** [channels, height, width], from the image processor, or in 8 bits from image threads. All images of a batch are of one kind. */
  readonly pixel_values: HostTensor<"float32"> | Uint8Pixels;
}

/** One row of the data. Only the fields that the objectives read are required. */
export interface Sample {
  /** Its number in the data: random choices for it depend on the batch's stream and this number. */
  readonly index: number;
  readonly image: SampleImage;
  /** The true text. MLM, ITM, ITC, IRTR. */
  readonly caption?: TokenIds;
  /** Another image, for ITM if the sample becomes a negative. */
  readonly falseImage?: SampleImage;
  /** A text that is false for the image, for ITM with false texts. */
  readonly falseText?: TokenIds;
  /** Other captions, for IRTR; the same number in all samples of a batch. */
  readonly falseTexts?: readonly TokenIds[];
  /** VQA. */
  readonly question?: {
    readonly text: TokenIds;
    /** Scores in 0..1 of the correct answers, by their labels; all others score 0. */
    readonly scores: ReadonlyMap<number, number>;
  };
  /** SNLI-VE: 0 contradiction, 1 neutral, 2 entailment. */
  readonly hypothesis?: { readonly text: TokenIds; readonly label: number };
  /** NLVR2: 1 if it is true for both images. */
  readonly statement?: { readonly text: TokenIds; readonly secondImage: SampleImage; readonly label: number };
}

/** Optional fields of a sample. */
type Part = Exclude<keyof Sample, "index" | "image">;

/** @throws InputError if the sample has no such field */
export function partOf<P extends Part>(sample: Sample, part: P, objective: ObjectiveName): NonNullable<Sample[P]> {
  const found = sample[part];
  if (found !== undefined) return found;
  throw new InputError({
    code: "missing-data",
    where: `sample ${sample.index}`,
    expected: `${part}, which ${objective} reads`,
    found: "none",
    hint: `Leave ${objective} out, or train it on data that has it`,
  });
}

/** @throws InputError for a number that is not a valid id */
export function checkNumber(value: number, where: string): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new InputError({ code: "invalid-dataset", where, expected: "a whole number from 0", found: String(value) });
}

/** @throws InputError for a label that is not below `classes` */
export function checkLabel(label: number, classes: number, where: string): void {
  if (Number.isInteger(label) && label >= 0 && label < classes) return;
  throw new InputError({
    code: "invalid-dataset",
    where,
    expected: `a label from 0 to ${classes - 1}`,
    found: String(label),
  });
}

/** @throws InputError for an answer without an output of the classifier, or a score outside 0 to 1 */
export function checkScores(scores: ReadonlyMap<number, number>, answers: number, where: string): void {
  for (const [answer, score] of scores) {
    if (!(Number.isInteger(answer) && answer >= 0 && answer < answers)) {
      throw new InputError({
        code: "invalid-dataset",
        where,
        expected: `answers from 0 to ${answers - 1}, as vqav2_label_size of the config says`,
        found: String(answer),
        hint: "Leave out answers that are not in the vocabulary",
      });
    }
    if (!(score >= 0 && score <= 1)) {
      throw new InputError({
        code: "invalid-dataset",
        where,
        expected: "scores from 0 to 1",
        found: `${score} for answer ${answer}`,
      });
    }
  }
}
