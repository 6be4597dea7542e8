/** Rows whose images have been through the image tower, in groups; the next group is read ahead. */
import type { Dataset, RowTexts } from "../data/index.js";
import { shareOf, type Collective } from "../distributed/index.js";
import { InputError } from "../errors.js";
import { elementCount, HostTensor } from "../graph/index.js";
import { prefetch, batchOf, chunksOfEqualLength, type LoadedModel, type States } from "../inference/index.js";
import type { ImageReader } from "./image-reader.js";

/** A row with its encoded images. */
export interface EncodedRow {
  readonly index: number;
  /** The texts to evaluate; of captions the first `captionsPerRow`. */
  readonly texts: RowTexts;
  /** All captions of the row. None of them can be a false caption of its image. */
  readonly trueCaptions: readonly string[];
  /** The states of its first image; empty if no metric fuses it. */
  readonly image: States;
  /** The states of its second image, if statements are evaluated. */
  readonly second?: States;
  /** Embeddings of image and captions, if metrics compare them. [contrastive_hidden_size] each */
  readonly embeddings?: { readonly image: Float32Array; readonly captions: readonly Float32Array[] };
}

/** Inputs of a row that metrics require. */
export interface RequiredInputs {
  readonly bridge: boolean;
  readonly second: boolean;
  readonly embeddings: boolean;
}

interface LoadedRow extends Pick<EncodedRow, "index" | "texts" | "trueCaptions"> {
  readonly pixels: HostTensor;
  readonly second: HostTensor | undefined;
}

export interface RowContext {
  readonly model: LoadedModel;
  readonly data: Dataset;
  readonly reader: ImageReader;
  /** Texts as token ids. */
  readonly tokenize: (texts: readonly string[]) => number[][];
  /** Captions of each row to evaluate, from the first on; undefined for all. */
  readonly captionsPerRow: number | undefined;
}

export interface EncodedRows {
  readonly rows: readonly EncodedRow[];
  /** Number of rows that this rank has read, including those left out. */
  readonly read: number;
}

/**
 * The rows in their order without those whose images cannot be read, in groups of the batch size of the image tower. With several ranks the
 * groups are those of one process, so that the numbers are, too, and each rank gets a contiguous share of them.
 */
export async function* encodedRows(
  context: RowContext,
  rows: readonly number[],
  inputs: RequiredInputs,
  collective: Collective,
): AsyncGenerator<EncodedRows> {
  const size = context.model.chunkSize;
  const all = Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size));
  const { first, end } = shareOf(all.length, collective);
  const groups = all.slice(first, end);
  let read = 0;
  for await (const [i, loaded] of prefetch(groups, (group) => loadRows(context, group, inputs))) {
    const encoded = loaded.length === 0 ? [] : await encode(context.model, context.tokenize, loaded, inputs);
    yield { rows: encoded, read: (read += groups[i]!.length) };
  }
}

/** Decoded images are large: few are decoded at a time, and only their pixel values are kept. */
const decodedAtOnce = 4;

async function loadRows(context: RowContext, rows: readonly number[], inputs: RequiredInputs): Promise<LoadedRow[]> {
  const loaded: LoadedRow[] = [];
  for (let first = 0; first < rows.length; first += decodedAtOnce) {
    const some = rows.slice(first, first + decodedAtOnce).map((row) => loadRow(context, row, inputs));
    for (const row of await Promise.all(some)) if (row !== undefined) loaded.push(row);
  }
  return loaded;
}

async function loadRow(context: RowContext, index: number, inputs: RequiredInputs): Promise<LoadedRow | undefined> {
  const { data, reader, captionsPerRow } = context;
  const all = data.texts(index);
  const trueCaptions = all.captions;
  const texts = { ...all, captions: trueCaptions.slice(0, captionsPerRow) };
  const sources = data.images(index);
  const needsSecond = inputs.second && texts.statements.length > 0;
  if (needsSecond && sources.length < 2) {
    throw new InputError({
      code: "missing-data",
      where: `row ${index} of ${data.name}`,
      expected: "two images for its statements",
      found: String(sources.length),
    });
  }
  const [pixels, second] = await Promise.all(sources.slice(0, needsSecond ? 2 : 1).map((one) => reader.read(one)));
  if (pixels === undefined || (needsSecond && second === undefined)) return undefined;
  return { index, texts, trueCaptions, pixels, second };
}

async function encode(
  model: LoadedModel,
  tokenize: RowContext["tokenize"],
  rows: readonly LoadedRow[],
  { bridge, embeddings }: RequiredInputs,
): Promise<EncodedRow[]> {
  const part = embeddings ? (bridge ? "image and itc" : "image itc") : "image";
  const first = await model.run(part, { pixel_values: stacked(rows.map(({ pixels }) => pixels)) });
  const seconds = rows.flatMap(({ second }) => second ?? []);
  const second = seconds.length === 0 ? {} : await model.run("second image", { pixel_values: stacked(seconds) });
  const ofCaptions = embeddings ? await captionEmbeddings(model, tokenize, rows) : [];
  let secondRow = 0;
  return rows.map((row, i) => ({
    index: row.index,
    texts: row.texts,
    trueCaptions: row.trueCaptions,
    image: rowOf(first, i),
    second: row.second && rowOf(second, secondRow++),
    embeddings: embeddings ? { image: vector(first.image_embeds!, i), captions: ofCaptions[i]! } : undefined,
  }));
}

/** Images stacked along their first axis. */
function stacked(tensors: readonly HostTensor[]): HostTensor {
  const [, ...shape] = tensors[0]!.shape;
  const stack = HostTensor.zeros("float32", [tensors.length, ...shape]);
  tensors.forEach(({ data }, i) => stack.data.set(data as Float32Array, i * elementCount(shape)));
  return stack;
}

/** The states of one row of a batch, as a batch of one. */
const rowOf = (states: States, index: number): States =>
  Object.fromEntries(
    Object.entries(states).map(([name, tensor]) => {
      const { dtype, shape, data } = tensor.row(index);
      return [name, new HostTensor(dtype, [1, ...shape], data)];
    }),
  );

/** A copy, which does not keep the whole batch in memory. */
const vector = (embeds: HostTensor, row: number): Float32Array =>
  Float32Array.from(embeds.row(row).data as Float32Array);

async function captionEmbeddings(
  model: LoadedModel,
  tokenize: RowContext["tokenize"],
  rows: readonly LoadedRow[],
): Promise<Float32Array[][]> {
  const owners = rows.flatMap(({ texts }, i) => texts.captions.map((_, caption) => [i, caption] as const));
  const ids = tokenize(rows.flatMap(({ texts }) => texts.captions));
  const embeddings = rows.map(({ texts }) => new Array<Float32Array>(texts.captions.length));
  const tokens = ids.map((entry, index) => ({ index, ids: entry }));
  for (const chunk of chunksOfEqualLength(tokens, model.chunkSize)) {
    const { text_embeds } = await model.run("text itc", batchOf(chunk));
    for (const [row, { index }] of chunk.entries()) {
      const [owner, caption] = owners[index]!;
      embeddings[owner]![caption] = vector(text_embeds!, row);
    }
  }
  return embeddings;
}
