/** A data set of a fixed number of scenes. Rows are made when they are read. */
import type { RawImage } from "bridgetower";
import type { Dataset, ImageSource, RowTexts, TextKind } from "bridgetower/data";
import { encodePng } from "./encode-png.js";
import { lazy } from "./memoize.js";
import { type SceneSource, type SceneTexts, textsPerScene } from "./scene-source.js";
import type { Labelled } from "./texts/hypotheses.js";

export const sceneRows = ["scenes", "pairs"] as const;

/**
 * The content of a row: `scenes` has a scene with captions, negatives, questions and hypotheses; `pairs` has two scenes with a statement
 * about both, and the other texts about the left one.
 */
export type SceneRows = (typeof sceneRows)[number];

/** Kinds of texts whose number determines the samples of an epoch. */
export const sampledKinds = ["captions", "questions"] as const satisfies readonly TextKind[];

export interface SceneDatasetOptions {
  readonly rows: number;
  readonly kind?: SceneRows;
  /** Number of the first scene. Default 0. */
  readonly first?: number;
  /**
   * Gives each row one text of this kind instead of all, row `r` its text number `r` modulo their count: an epoch then has one sample for
   * each row. Another scene teaches more than another text about the same one.
   */
  readonly sampled?: (typeof sampledKinds)[number];
}

/** A data set of `rows` scenes of a source, starting at number `first`. Each kind of text of a row is made when it is first read. */
export function sceneDataset(
  source: SceneSource,
  { rows, kind = "scenes", first = 0, sampled }: SceneDatasetOptions,
): Dataset {
  const { split, seed, size } = source.options;
  const name = `${kind} of ${split}, seed ${seed}, ${size} px`;
  const has = (text: TextKind) => text !== "statements" || kind === "pairs";
  const counted = (text: TextKind) =>
    new Uint32Array(rows).fill(!has(text) ? 0 : text === sampled ? 1 : textsPerScene[text]);
  const numberOf = (row: number) => {
    if (!Number.isInteger(row) || row < 0 || row >= rows) throw new RangeError(`row ${row} of ${rows}`);
    return first + row;
  };
  const sourceOf = (row: number, label: string, paint: (index: number) => RawImage): ImageSource => {
    const index = numberOf(row);
    return { name: `${name}: ${label} ${index}`, read: () => Promise.resolve(encodePng(paint(index))) };
  };
  return {
    name,
    rows,
    counts: {
      captions: counted("captions"),
      questions: counted("questions"),
      hypotheses: counted("hypotheses"),
      statements: counted("statements"),
      negatives: counted("negatives"),
    },
    labelled: true,
    texts: (row) => {
      const index = numberOf(row);
      if (kind === "scenes") return rowTexts(source.texts(index), () => [], sampled, row);
      const texts = source.pairTexts(index);
      return rowTexts(texts, () => texts.statements, sampled, row);
    },
    images: (row) =>
      kind === "scenes"
        ? [sourceOf(row, "scene", (index) => source.image(index))]
        : [
            sourceOf(row, "left of pair", (index) => source.pairImage(index, 0)),
            sourceOf(row, "right of pair", (index) => source.pairImage(index, 1)),
          ],
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function rowTexts(
  texts: SceneTexts,
  statements: () => readonly Labelled[],
  sampled: TextKind | undefined,
  row: number,
): RowTexts {
  const taken = <T>(kind: TextKind, all: readonly T[]) => (kind === sampled ? [all[row % all.length]!] : all);
  return lazy<RowTexts>({
    captions: () => taken("captions", texts.captions),
    negatives: () => texts.negatives,
    hypotheses: () => texts.hypotheses,
    questions: () =>
      taken("questions", texts.questions).map(({ question, answer }) => ({
        question,
        answers: [{ answer, score: 1 }],
      })),
    statements,
  });
}
