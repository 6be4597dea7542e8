/** Rows whose images have been through the tower, group by group, the next group being read meanwhile. */
import type { Dataset, RowTexts } from "../data/index.js";
import { InputError } from "../errors.js";
import { elementCount, HostTensor } from "../graph/index.js";
import { ahead, batchOf, chunksOfEqualLength, type PartedModel, type States } from "../inference/index.js";
import type { ImageReader } from "./image-reader.js";

/** A row as judges see it. */
export interface SeenRow {
  readonly index: number;
  /** Of captions those that are judged. */
  readonly texts: RowTexts;
  /** All captions of the row: none of them is false of its image. */
  readonly ownCaptions: readonly string[];
  /** The bridge of its image, of the first one where there are two; empty where nothing is fused. */
  readonly image: States;
  /** The bridge of the second of two images, where statements are judged. */
  readonly second?: States;
  /** Of image and captions, where these are compared. [contrastive_hidden_size] each */
  readonly embeddings?: { readonly image: Float32Array; readonly captions: readonly Float32Array[] };
}

/** What judges want to see of rows. */
export interface Sight {
  readonly bridge: boolean;
  readonly second: boolean;
  readonly embeddings: boolean;
}

interface LoadedRow extends Pick<SeenRow, "index" | "texts" | "ownCaptions"> {
  readonly pixels: HostTensor;
  readonly second: HostTensor | undefined;
}

export interface Views {
  readonly model: PartedModel;
  readonly data: Dataset;
  readonly reader: ImageReader;
  /** Texts as token ids. */
  readonly tokenize: (texts: readonly string[]) => number[][];
  /** Captions of a row that are judged, the first ones; undefined for all. */
  readonly captions_per_row: number | undefined;
}

export interface SeenRows {
  readonly rows: readonly SeenRow[];
  /** Rows up to here have been read, broken ones included. */
  readonly end: number;
}

/** The rows in their order, without those whose images are broken; in groups of as many as a run of the tower takes. */
export async function* seenRows(views: Views, rows: readonly number[], sight: Sight): AsyncGenerator<SeenRows> {
  const size = views.model.chunkSize;
  const groups = Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size));
  for await (const [i, loaded] of ahead(groups, (group) => loadRows(views, group, sight))) {
    const seenOnes = loaded.length === 0 ? [] : await seen(views.model, views.tokenize, loaded, sight);
    yield { rows: seenOnes, end: Math.min(rows.length, (i + 1) * size) };
  }
}

/** Decoded images are large: few at a time, and only their pixel values are kept. */
const decodedAtOnce = 4;

async function loadRows(views: Views, rows: readonly number[], sight: Sight): Promise<LoadedRow[]> {
  const loaded: LoadedRow[] = [];
  for (let first = 0; first < rows.length; first += decodedAtOnce) {
    const some = rows.slice(first, first + decodedAtOnce).map((row) => loadRow(views, row, sight));
    for (const row of await Promise.all(some)) if (row !== undefined) loaded.push(row);
  }
  return loaded;
}

async function loadRow(views: Views, index: number, sight: Sight): Promise<LoadedRow | undefined> {
  const { data, reader, captions_per_row } = views;
  const all = data.texts(index);
  const ownCaptions = all.captions;
  const texts = { ...all, captions: ownCaptions.slice(0, captions_per_row) };
  const sources = data.images(index);
  const wantsSecond = sight.second && texts.statements.length > 0;
  if (sources.length < (wantsSecond ? 2 : 1)) {
    const expected = wantsSecond ? "two images, which its statements are about" : "an image";
    throw new InputError({
      code: "missing-data",
      where: `row ${index} of ${data.name}`,
      expected,
      found: String(sources.length),
    });
  }
  const [pixels, second] = await Promise.all(sources.slice(0, wantsSecond ? 2 : 1).map((one) => reader.read(one)));
  if (pixels === undefined || (wantsSecond && second === undefined)) return undefined;
  return { index, texts, ownCaptions, pixels, second };
}

async function seen(
  model: PartedModel,
  tokenize: Views["tokenize"],
  rows: readonly LoadedRow[],
  { bridge, embeddings }: Sight,
): Promise<SeenRow[]> {
  const part = embeddings ? (bridge ? "image and embedding" : "embed image") : "image";
  const first = await model.run(part, { pixel_values: stacked(rows.map(({ pixels }) => pixels)) });
  const seconds = rows.flatMap(({ second }) => second ?? []);
  const second = seconds.length === 0 ? {} : await model.run("second image", { pixel_values: stacked(seconds) });
  const ofCaptions = embeddings ? await captionEmbeddings(model, tokenize, rows) : [];
  let secondRow = 0;
  return rows.map((row, i) => ({
    index: row.index,
    texts: row.texts,
    ownCaptions: row.ownCaptions,
    image: rowOf(first, i),
    ...(row.second === undefined ? {} : { second: rowOf(second, secondRow++) }),
    ...(embeddings ? { embeddings: { image: vector(first.image_embeds!, i), captions: ofCaptions[i]! } } : {}),
  }));
}

/** Tensors of one image or more, one below the other. */
function stacked(tensors: readonly HostTensor[]): HostTensor {
  const [, ...shape] = tensors[0]!.shape;
  const stack = HostTensor.zeros("float32", [tensors.length, ...shape]);
  tensors.forEach(({ data }, i) => stack.data.set(data as Float32Array, i * elementCount(shape)));
  return stack;
}

/** The states of one entry of a batch, as a batch of one. */
const rowOf = (states: States, index: number): States =>
  Object.fromEntries(
    Object.entries(states).map(([name, tensor]) => {
      const { dtype, shape, data } = tensor.row(index);
      return [name, new HostTensor(dtype, [1, ...shape], data)];
    }),
  );

/** A copy, so that it does not keep its whole batch in memory. */
const vector = (embeds: HostTensor, row: number): Float32Array =>
  Float32Array.from(embeds.row(row).data as Float32Array);

async function captionEmbeddings(
  model: PartedModel,
  tokenize: Views["tokenize"],
  rows: readonly LoadedRow[],
): Promise<Float32Array[][]> {
  const owners = rows.flatMap(({ texts }, i) => texts.captions.map((_, caption) => [i, caption] as const));
  const ids = tokenize(rows.flatMap(({ texts }) => texts.captions));
  const embeddings = rows.map(({ texts }) => new Array<Float32Array>(texts.captions.length));
  const tokens = ids.map((entry, index) => ({ index, ids: entry }));
  for (const chunk of chunksOfEqualLength(tokens, model.chunkSize)) {
    const { text_embeds } = await model.run("embed text", batchOf(chunk));
    for (const [row, { index }] of chunk.entries()) {
      const [owner, caption] = owners[index]!;
      embeddings[owner]![caption] = vector(text_embeds!, row);
    }
  }
  return embeddings;
}
