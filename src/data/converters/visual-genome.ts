/** Visual Genome (Krishna et al., IJCV 2017): phrases for regions of an image. */
import { z } from "zod";
import { checkedRecord, recordProblem, findFile, findFolders } from "./source-files.js";
import { jsonElements } from "../readers/json-elements.js";
import type { PlannedRow, PlannedRows, Converter, PrepareContext } from "./converter.js";

const regionsSchema = z.object({
  regions: z.array(
    z.object({
      image_id: z.int(),
      phrase: z.string(),
      width: z.int(),
      height: z.int(),
      x: z.int(),
      y: z.int(),
    }),
  ),
});

const columns = {
  image: "binary",
  caption: { list: "string" },
  width: { list: "int64" },
  height: { list: "int64" },
  x: { list: "int64" },
  y: { list: "int64" },
  image_id: "string",
} as const;

export const vg: Converter = {
  splits: [],
  tables: async (context) => {
    const file = await findFile(context.source, ["annotations/region_descriptions.json", "region_descriptions.json"]);
    const folders = await genomeFolders(context.source);
    return [
      {
        file: "vg.arrow",
        columns,
        sources: [file],
        what: "images with regions",
        load: () => counted(() => rows(context, file, folders)),
      },
    ];
  },
};

/** The images were published in two parts. */
export function genomeFolders(source: string): Promise<string[]> {
  return findFolders(source, ["images/VG_100K", "images/VG_100K_2", "VG_100K", "VG_100K_2"]);
}

/** Rows that are made while they are written, because they do not fit in memory. They are read once before, to validate and count them. */
export async function counted(each: () => AsyncIterable<PlannedRow>): Promise<PlannedRows> {
  let total = 0;
  for await (const _ of each()) total++;
  return { total, each };
}

/** The one image that all these records are about. */
export function imageOf(
  records: readonly { readonly image_id: number }[],
  seen: Set<number>,
  file: string,
  place: string,
): number {
  const image = records[0]!.image_id;
  const other = records.find(({ image_id }) => image_id !== image);
  if (other !== undefined) throw recordProblem(file, place, `only image ${image}`, `image ${other.image_id} with it`);
  if (seen.has(image)) throw recordProblem(file, place, "each image once", `image ${image} again`);
  seen.add(image);
  return image;
}

async function* rows(context: PrepareContext, file: string, folders: readonly string[]): AsyncGenerator<PlannedRow> {
  const seen = new Set<number>();
  for await (const { index, value } of jsonElements(file, context)) {
    const place = `element ${index}`;
    const { regions } = checkedRecord(regionsSchema, value, file, place);
    if (regions.length === 0) continue;
    const image = imageOf(regions, seen, file, place);
    yield {
      images: [{ name: `${image}.jpg`, folders }],
      fields: {
        caption: regions.map(({ phrase }) => phrase),
        width: regions.map(({ width }) => width),
        height: regions.map(({ height }) => height),
        x: regions.map(({ x }) => x),
        y: regions.map(({ y }) => y),
        image_id: String(image),
      },
      texts: regions.length,
    };
  }
}
