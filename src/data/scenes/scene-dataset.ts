/** A fixed number of scenes as a data set: rows are drawn when they are asked for. */
import sharp from "sharp";
import type { Picture } from "../../processing/index.js";
import type { Dataset, PictureSource, RowTexts, TextKind } from "../dataset.js";
import { type SceneSource, textsPerScene } from "./scene-source.js";

/** What each row of a data set has: a scene with captions, negatives, questions and hypotheses, or two scenes with a statement. */
export type SceneRows = "scenes" | "pairs";

/** The first `rows` scenes of a source, from its number `first` on. */
export function sceneDataset(
  source: SceneSource,
  { rows, kind = "scenes", first = 0 }: { readonly rows: number; readonly kind?: SceneRows; readonly first?: number },
): Dataset {
  const { split, seed, size } = source.options;
  const name = `${kind} of ${split}, seed ${seed}, ${size} px`;
  const has = kind === "scenes" ? ["captions", "negatives", "questions", "hypotheses"] : ["statements"];
  const counted = (text: TextKind) => new Uint32Array(rows).fill(has.includes(text) ? textsPerScene[text] : 0);
  const numberOf = (row: number) => {
    if (!Number.isInteger(row) || row < 0 || row >= rows) throw new RangeError(`row ${row} of ${rows}`);
    return first + row;
  };
  const sourceOf = (row: number, label: string, paint: (index: number) => Picture): PictureSource => {
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
    texts: (row) => (kind === "scenes" ? sceneTexts(source, numberOf(row)) : pairTexts(source, numberOf(row))),
    pictures: (row) =>
      kind === "scenes"
        ? [sourceOf(row, "scene", (index) => source.picture(index))]
        : [
            sourceOf(row, "left of pair", (index) => source.pairPicture(index, 0)),
            sourceOf(row, "right of pair", (index) => source.pairPicture(index, 1)),
          ],
    close: () => Promise.resolve(),
  };
}

const none: RowTexts = { captions: [], questions: [], hypotheses: [], statements: [], negatives: [] };

function sceneTexts(source: SceneSource, index: number): RowTexts {
  const { captions, negatives, hypotheses, questions } = source.texts(index);
  const answered = questions.map(({ question, answer }) => ({ question, answers: [{ answer, score: 1 }] }));
  return { ...none, captions, negatives, hypotheses, questions: answered };
}

function pairTexts(source: SceneSource, index: number): RowTexts {
  return { ...none, statements: [source.statement(index)] };
}

/** For readers that take files only; quick rather than small. */
async function pngOf({ width, height, data }: Picture): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toBuffer();
}
