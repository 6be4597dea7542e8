/** The metric `nouns`: nouns of captions, masked one at a time and predicted from the image. */
import type { BridgeTower } from "bridgetower";
import type { CustomDataset } from "bridgetower/data";
import { NounFinder, type Tokenizer } from "./noun-finder.js";

export interface NounsOptions {
  /** Words for things, as used in captions. */
  readonly nouns: readonly string[];
  /** The tokenizer of the model. */
  readonly tokenizer: Tokenizer;
  /** Number of rows. Default: all. */
  readonly limit?: number | undefined;
  /** Number of captions of each row. Default: all. */
  readonly captionsPerRow?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * The share of nouns that the arg-max over the vocabulary predicts. A noun counts if it is a single token of its caption.
 * @returns `nouns_tokens`, their number, and `nouns_accuracy`, 0..1, if there are any
 */
export async function nounAccuracy(
  model: BridgeTower,
  data: CustomDataset,
  { nouns, tokenizer, limit = data.rows, captionsPerRow, signal, onProgress }: NounsOptions,
): Promise<Readonly<Record<string, number>>> {
  const finder = new NounFinder(nouns, tokenizer);
  const rows = Math.min(limit, data.rows);
  let [tokens, right] = [0, 0];
  for (let row = 0; row < rows; row++) {
    const { captions = [] } = data.texts(row);
    const masked = captions.slice(0, captionsPerRow).flatMap((caption) => maskedNouns(caption, finder, tokenizer));
    const image = masked.length === 0 ? undefined : await data.images(row)[0]!.read();
    for (const { text, id } of masked) {
      signal?.throwIfAborted();
      const { masks } = await model.fillMask(image!, text, { topK: 1 });
      tokens++;
      if (masks[0]!.predictions[0]!.id === id) right++;
    }
    onProgress?.(row + 1, rows);
  }
  return { ...(tokens === 0 ? {} : { nouns_accuracy: right / tokens }), nouns_tokens: tokens };
}

interface MaskedNoun {
  /** The caption with `<mask>` for the noun and the space before it. */
  readonly text: string;
  /** The noun's token. */
  readonly id: number;
}

function maskedNouns(caption: string, finder: NounFinder, tokenizer: Tokenizer): MaskedNoun[] {
  const { ids } = tokenizer.encode(caption);
  const textOf = (from: number, to: number) => tokenizer.decode(ids.slice(from, to), { skipSpecialTokens: true });
  return finder.singleTokens(ids).map((place) => ({
    text: `${textOf(0, place)}<mask>${textOf(place + 1, ids.length)}`,
    id: ids[place]!,
  }));
}
