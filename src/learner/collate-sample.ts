/** What the data says about one image, and the checks that name the sample that does not fit. */
import { InputError } from "../errors.js";
import type { HostTensor } from "../graph/index.js";
import type { ObjectiveName } from "../model/index.js";

/** Token ids of a text, special ones included, without padding. */
export type TokenIds = readonly number[];

export interface SampleImage {
  /** Which image of the data this is: an image that a batch names twice is in its stack once, as it is given first. */
  readonly id: number;
  /** [channels, height, width], as the image processor makes them. */
  readonly pixel_values: HostTensor<"float32">;
}

/** One row of the data. Only what the objectives read must be there. */
export interface Sample {
  /** Its place in the data: what is drawn for it follows from the batch's stream and this number. */
  readonly index: number;
  readonly image: SampleImage;
  /** The true text. MLM, ITM, ITC, IRTR. */
  readonly caption?: TokenIds;
  /** Drawn for ITM, should the sample become a negative. */
  readonly falseImage?: SampleImage;
  /** Drawn for ITM with false texts: one that is false of the image. */
  readonly falseText?: TokenIds;
  /** Drawn for IRTR; all samples of a batch have as many. */
  readonly falseTexts?: readonly TokenIds[];
  /** VQA. */
  readonly question?: {
    readonly text: TokenIds;
    /** Scores in 0..1 of the right answers, by their numbers; all others score 0. */
    readonly scores: ReadonlyMap<number, number>;
  };
  /** SNLI-VE: 0 contradiction, 1 neutral, 2 entailment. */
  readonly hypothesis?: { readonly text: TokenIds; readonly label: number };
  /** NLVR2: 1 where it is true of both images. */
  readonly statement?: { readonly text: TokenIds; readonly secondImage: SampleImage; readonly label: number };
}

/** Parts of a sample that may be missing. */
type Part = Exclude<keyof Sample, "index" | "image">;

/** @throws InputError when the sample has no such part */
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

/** @throws InputError for a number that cannot tell one thing from another */
export function checkNumber(value: number, where: string): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new InputError({ code: "invalid-dataset", where, expected: "a whole number from 0", found: String(value) });
}

/** @throws InputError for a label that is none of the `classes` */
export function checkLabel(label: number, classes: number, where: string): void {
  if (Number.isInteger(label) && label >= 0 && label < classes) return;
  throw new InputError({
    code: "invalid-dataset",
    where,
    expected: `a label from 0 to ${classes - 1}`,
    found: String(label),
  });
}

/** @throws InputError for an answer that the classifier does not know, or a score outside 0 to 1 */
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
