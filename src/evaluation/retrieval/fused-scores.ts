/**
 * Scores of many pairs by the cross-modal encoder. Each image is fused with its texts. The states of the towers are kept; if they do not fit
 * in memory together, images and texts are processed in chunks.
 */
import type { Dataset } from "../../data/index.js";
import { InputError } from "../../errors.js";
import { elementCount, HostTensor } from "../../graph/index.js";
import { prefetch, batchOf, chunksOfEqualLength, type States, type Tokens } from "../../inference/index.js";
import type { Head } from "../../model/index.js";
import type { EvalContext } from "../metrics/metric.js";

export interface Chunks {
  /** Number of chunks of images. By default so many that the states of a chunk fit in 1 GiB. */
  readonly imageChunks?: number | undefined;
  /** Number of chunks of texts, with the same default. */
  readonly textChunks?: number | undefined;
}

export interface FusedPairs extends Chunks {
  /** A head of one output; its last column is the score. */
  readonly head: Head;
  /** Row of each image in the data set. */
  readonly rows: readonly number[];
  readonly texts: readonly Tokens[];
  /** Texts to score with each image, ascending. */
  readonly chosen: readonly ArrayLike<number>[];
  readonly onProgress?: ((done: number, total: number) => unknown) | undefined;
}

interface TextState {
  readonly states: States;
  readonly row: number;
}

interface Span {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

const residentBytes = 2 ** 30;

/**
 * The last output of the head for each chosen pair: for ITM the logit of a match.
 *
 * The text states of one chunk and the states of one image are in memory. With one chunk of texts every tower runs once. With more, the
 * states of a chunk of images are kept, too, and each text goes through its tower once for each chunk of images.
 */
export async function fusedScores(context: EvalContext, pairs: FusedPairs): Promise<Float64Array[]> {
  const { model, signal } = context;
  const { rows, texts, chosen, onProgress } = pairs;
  const scores = chosen.map(({ length }) => new Float64Array(length));
  const total = chosen.reduce((sum, { length }) => sum + length, 0);
  const textSpans = spans(texts.length, pairs.textChunks ?? chunksFor(textBytes(context, texts)));
  const imageBytes = textSpans.length === 1 ? 0 : rows.length * imageTokens(context) * model.stateBytes;
  const imageSpans = spans(rows.length, pairs.imageChunks ?? chunksFor(imageBytes));
  let done = 0;
  let resident: { readonly span: Span; readonly states: readonly TextState[] } | undefined;
  for (const images of imageSpans) {
    const kept = new Map<number, States>();
    for (const span of textSpans) {
      if (resident?.span !== span) {
        resident = undefined;
        resident = { span, states: await textStates(context, texts.slice(span.first, span.end)) };
      }
      const wanted = range(images).filter((image) => placesIn(chosen[image]!, span).length > 0);
      const pixels = (image: number) =>
        kept.has(image) ? Promise.resolve(undefined) : pixelsOf(context, rows[image]!);
      for await (const [i, pixel_values] of prefetch(wanted, pixels)) {
        const image = wanted[i]!;
        const imageState = kept.get(image) ?? (await model.run("image", { pixel_values: pixel_values! }));
        if (textSpans.length > 1) kept.set(image, imageState);
        const places = placesIn(chosen[image]!, span);
        const tokens = places.map((place) => ({ index: place, ids: texts[chosen[image]![place]!]!.ids }));
        for (const chunk of chunksOfEqualLength(tokens, model.chunkSize)) {
          signal?.throwIfAborted();
          const states = chunk.map(({ index }) => resident!.states[chosen[image]![index]! - span.first]!);
          const [output] = Object.values(
            await model.run(`fusion ${pairs.head}`, { ...imageState, ...gathered(states) }),
          );
          const width = output!.shape[1]!;
          chunk.forEach(({ index }, row) => (scores[image]![index] = output!.at(row, width - 1)));
          await onProgress?.((done += chunk.length), total);
        }
      }
    }
  }
  return scores;
}

const range = ({ first, end }: Span): number[] => Array.from({ length: end - first }, (_, i) => first + i);

/** Divides `count` items into `chunks` spans of nearly equal size, none of them empty. */
function spans(count: number, chunks: number): Span[] {
  const parts = Math.min(count, chunks);
  const edge = (part: number) => Math.floor((part * count) / parts);
  return Array.from({ length: parts }, (_, part) => ({ first: edge(part), end: edge(part + 1) }));
}

const chunksFor = (bytes: number): number => Math.max(1, Math.ceil(bytes / residentBytes));

const textBytes = ({ model }: EvalContext, texts: readonly Tokens[]): number =>
  texts.reduce((sum, { ids }) => sum + ids.length * model.stateBytes, 0);

function imageTokens({ model }: EvalContext): number {
  const { image_size, patch_size } = model.config.vision_config;
  return Math.floor(image_size / patch_size) ** 2 + 1;
}

/** Positions in an ascending list whose entries are in the span. */
function placesIn(list: ArrayLike<number>, { first, end }: Span): number[] {
  const from = firstNotBelow(list, first);
  return range({ first: from, end: firstNotBelow(list, end) });
}

function firstNotBelow(list: ArrayLike<number>, bound: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function textStates({ model, signal }: EvalContext, texts: readonly Tokens[]): Promise<TextState[]> {
  const all = new Array<TextState>(texts.length);
  const tokens = texts.map(({ ids }, index) => ({ index, ids }));
  for (const chunk of chunksOfEqualLength(tokens, model.chunkSize)) {
    signal?.throwIfAborted();
    const states = await model.run("text", batchOf(chunk));
    chunk.forEach(({ index }, row) => (all[index] = { states, row }));
  }
  return all;
}

/** States of texts of one length as one batch. */
function gathered(texts: readonly TextState[]): States {
  const [{ states: first }] = texts as readonly [TextState];
  const tensors = Object.entries(first).map(
    ([
      name,
      {
        shape: [, ...shape],
      },
    ]) => {
      const size = elementCount(shape);
      const batch = HostTensor.zeros("float32", [texts.length, ...shape]);
      texts.forEach(({ states, row }, i) => batch.data.set(states[name]!.row(row).data as Float32Array, i * size));
      return [name, batch] as const;
    },
  );
  const [, tokens] = first.text_attended!.shape;
  const attention_mask = HostTensor.zeros("int64", [texts.length, tokens!]);
  attention_mask.data.fill(1n);
  return { ...Object.fromEntries(tensors), attention_mask };
}

/** Reads an image again. It was readable before, so an error means that it has changed. */
async function pixelsOf(
  { data, reader }: { data: Dataset; reader: EvalContext["reader"] },
  row: number,
): Promise<HostTensor> {
  const [source] = data.images(row);
  const pixels = await reader.read(source!);
  if (pixels !== undefined) return pixels;
  const expected = "the image that was read before";
  throw new InputError({
    code: "file-unreadable",
    where: source!.name,
    expected,
    found: "an image that cannot be read",
    hint: "Evaluate again",
  });
}
