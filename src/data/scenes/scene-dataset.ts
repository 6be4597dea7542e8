/** A fixed number of scenes as a data set: rows are drawn when they are asked for. */
import sharp from "sharp";
import type { RawImage } from "../../processing/index.js";
import type { Dataset, ImageSource, RowTexts, TextKind } from "../dataset.js";
import { lazily } from "./kept.js";
import { type SceneSource, type SceneTexts, textsPerScene } from "./scene-source.js";
import { nounWords } from "./texts/caption.js";
import type { Labelled } from "./texts/hypotheses.js";
import { answerList } from "./texts/questions.js";

export const sceneRows = ["scenes", "pairs"] as const;

/**
 * What each row of a data set has: a scene with captions, negatives, questions and hypotheses; or two scenes with a statement about both,
 * and all those texts about the left one.
 */
export type SceneRows = (typeof sceneRows)[number];

/** `rows` scenes of a source from its number `first` on. Each kind of texts of a row is drawn when it is first read. */
export function sceneDataset(
  source: SceneSource,
  { rows, kind = "scenes", first = 0 }: { readonly rows: number; readonly kind?: SceneRows; readonly first?: number },
): Dataset {
  const { split, seed, size } = source.options;
  const name = `${kind} of ${split}, seed ${seed}, ${size} px`;
  const has = (text: TextKind) => text !== "statements" || kind === "pairs";
  const counted = (text: TextKind) => new Uint32Array(rows).fill(has(text) ? textsPerScene[text] : 0);
  const numberOf = (row: number) => {
    if (!Number.isInteger(row) || row < 0 || row >= rows) throw new RangeError(`row ${row} of ${rows}`);
    return first + row;
  };
  const sourceOf = (row: number, label: string, paint: (index: number) => RawImage): ImageSource => {
    const index = numberOf(row);
    const pixels = () => paint(index);
    return { name: `${name}: ${label} ${index}`, pixels, read: () => pngOf(pixels()) };
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
    generated: true,
    answers: answerList(source.vocabulary),
    nouns: nounWords(source.vocabulary),
    texts: (row) => {
      const index = numberOf(row);
      if (kind === "scenes") return rowTexts(source.texts(index), () => []);
      const texts = source.pairTexts(index);
      return rowTexts(texts, () => texts.statements);
    },
    images: (row) =>
      kind === "scenes"
        ? [sourceOf(row, "scene", (index) => source.image(index))]
        : [
            sourceOf(row, "left of pair", (index) => source.pairImage(index, 0)),
            sourceOf(row, "right of pair", (index) => source.pairImage(index, 1)),
          ],
    close: () => Promise.resolve(),
  };
}

function rowTexts(texts: SceneTexts, statements: () => readonly Labelled[]): RowTexts {
  return lazily<RowTexts>({
    captions: () => texts.captions,
    negatives: () => texts.negatives,
    hypotheses: () => texts.hypotheses,
    questions: () => texts.questions.map(({ question, answer }) => ({ question, answers: [{ answer, score: 1 }] })),
    statements,
  });
}

/** For readers that take files only; quick rather than small. */
async function pngOf({ width, height, data }: RawImage): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toBuffer();
}
