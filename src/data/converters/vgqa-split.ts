/**
 * The split of Visual Genome. Images that are also in COCO follow Karpathy's splits, so that no image of COCO's val or test is trained
 * on. After Anderson et al. (CVPR 2018), whose script samples the others with Python's `shuffle`: here they are sampled by `Random`, so
 * the full split has other images than the authors', in the same numbers.
 */
import { z } from "zod";
import { Random } from "../../random/index.js";
import { checkedRecord, recordProblem } from "./source-files.js";
import { jsonElements } from "../readers/json-elements.js";
import type { PrepareContext } from "./converter.js";
import { sourceLines } from "./source-lines.js";

export interface GenomeImage {
  readonly image_id: number;
  readonly coco_id: number | null;
}

/** COCO ids of Karpathy's splits. */
export interface KarpathyImages {
  readonly train: ReadonlySet<number>;
  readonly val: ReadonlySet<number>;
  readonly test: ReadonlySet<number>;
}

/** Images of the table of train, and of the table of val, which contains val and test. */
export interface GenomeSplit {
  readonly train: ReadonlySet<number>;
  readonly val: ReadonlySet<number>;
}

/** Images in each of val and test of the full split. */
const reserved = 5000;

/**
 * @param cocoOnly whether images outside Karpathy's splits are left out. If not, they fill test and val up to `size` images each,
 * and the rest is in train
 */
export function splitGenome(
  images: readonly GenomeImage[],
  karpathy: KarpathyImages,
  cocoOnly: boolean,
  size = reserved,
): GenomeSplit {
  const parts = { train: new Set<number>(), val: new Set<number>(), test: new Set<number>() };
  const others: number[] = [];
  for (const { image_id, coco_id } of images) {
    const part = coco_id === null ? undefined : partOf(coco_id, karpathy);
    if (part === undefined) others.push(image_id);
    else parts[part].add(image_id);
  }
  if (!cocoOnly) {
    const shuffled = [...new Random(0).at("vgqa split").permutation(others.length)].map((i) => others[i]!);
    for (const part of [parts.test, parts.val])
      while (part.size < size && shuffled.length > 0) part.add(shuffled.pop()!);
    for (const image of shuffled) parts.train.add(image);
  }
  return { train: parts.train, val: new Set([...parts.val, ...parts.test]) };
}

function partOf(cocoId: number, { train, val, test }: KarpathyImages): "train" | "val" | "test" | undefined {
  if (train.has(cocoId)) return "train";
  if (val.has(cocoId)) return "val";
  return test.has(cocoId) ? "test" : undefined;
}

const imageSchema = z.object({ image_id: z.int(), coco_id: z.int().nullable() });

export async function readGenomeImages(context: PrepareContext, file: string): Promise<GenomeImage[]> {
  const images: GenomeImage[] = [];
  const seen = new Set<number>();
  for await (const { index, value } of jsonElements(file, context)) {
    const image = checkedRecord(imageSchema, value, file, `element ${index}`);
    if (seen.has(image.image_id))
      throw recordProblem(file, `element ${index}`, "each image once", `image ${image.image_id} again`);
    seen.add(image.image_id);
    images.push(image);
  }
  return images;
}

/** The ids in a list with lines such as `val2014/COCO_val2014_000000522418.jpg 522418`. */
export async function readCocoIds(context: PrepareContext, file: string): Promise<Set<number>> {
  const ids = new Set<number>();
  for await (const { number: line, text } of sourceLines(file, context)) {
    const id = /(\d{1,12})$/.exec(text.split(".")[0]!)?.[1];
    if (id === undefined) throw recordProblem(file, `line ${line}`, "the name of an image of COCO", text.slice(0, 80));
    ids.add(Number(id));
  }
  return ids;
}
