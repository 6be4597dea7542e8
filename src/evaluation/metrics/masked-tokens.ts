/** What the model takes hidden tokens of a text for, shown the image. */
import type { States } from "../../inference/index.js";
import { fuse, type Judging } from "./metric.js";

/** A text as the model sees it, and what stood at its hidden places. */
export interface HiddenTokens {
  readonly ids: readonly number[];
  readonly hidden: readonly { readonly place: number; readonly id: number }[];
}

/** @param use is given the id that was hidden and the logits of its place [vocabulary], which it must not keep */
export async function guessHidden(
  judging: Judging,
  image: States,
  texts: readonly HiddenTokens[],
  use: (id: number, logits: Float32Array) => void,
): Promise<void> {
  const ids = texts.map((text) => text.ids);
  await fuse(judging, "fusion mlm", image, ids, (index, logits) => {
    for (const { place, id } of texts[index]!.hidden) use(id, logits.row(place).data as Float32Array);
  });
}
