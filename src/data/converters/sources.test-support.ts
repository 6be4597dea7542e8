/** Small data sets in their published forms, and tables read back with their types. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { tableFromIPC, Vector } from "apache-arrow";
import sharp from "sharp";
import { afterEach } from "vitest";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** An empty folder that goes away after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-prepare-"));
  folders.push(folder);
  return folder;
}

/** A folder with these files: texts as they are, bytes as they are, all else as JSON. */
export async function folderWith(files: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = await temporaryFolder();
  await Promise.all(Object.entries(files).map(([name, content]) => put(folder, name, content)));
  return folder;
}

export async function put(folder: string, name: string, content: unknown): Promise<void> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  const raw = typeof content === "string" || content instanceof Uint8Array;
  await writeFile(path, raw ? content : JSON.stringify(content));
}

/** An image of 6 x 4 pixels; different numbers give different bytes. */
export function imageBytes(number: number): Promise<Buffer> {
  const background = { r: number % 256, g: Math.floor(number / 256) % 256, b: 77 };
  return sharp({ create: { width: 6, height: 4, channels: 3, background } })
    .png()
    .toBuffer();
}

/** Files of images, by their names. */
export async function images(numbers: Readonly<Record<string, number>>): Promise<Record<string, Buffer>> {
  const files = Object.entries(numbers).map(async ([name, number]) => [name, await imageBytes(number)] as const);
  return Object.fromEntries(await Promise.all(files));
}

export const jsonLinesOf = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");

export interface ReadTable {
  /** Type of each column as printed by Arrow, with `?` if it may be null. */
  readonly types: Readonly<Record<string, string>>;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly batches: number;
}

/** A table as plain values: lists as arrays, int64 as numbers, binary as buffers. */
export async function readTable(...path: readonly string[]): Promise<ReadTable> {
  const table = tableFromIPC(await readFile(join(...path)));
  const types = table.schema.fields.map(({ name, type, nullable }) => [name, `${type}${nullable ? "?" : ""}`] as const);
  const names = types.map(([name]) => name);
  const rows = Array.from({ length: table.numRows }, (_, row) =>
    Object.fromEntries(names.map((name) => [name, plain(table.getChild(name)!.get(row))])),
  );
  return { types: Object.fromEntries(types), rows, batches: table.batches.length };
}

function plain(value: unknown): unknown {
  if (value instanceof Vector) return Array.from(value as Iterable<unknown>, plain);
  if (typeof value === "bigint") return Number(value);
  return value instanceof Uint8Array ? Buffer.from(value) : value;
}
