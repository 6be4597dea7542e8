import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { InputError } from "../../errors.js";
import { TensorBoardWriter } from "./index.js";
import { temporaryFolder } from "./temporary-folder.test-support.js";
import { maskedCrc } from "./tensorboard-event.js";

/** The bytes of the records of a file, after a check of their checksums. */
function recordsOf(file: Buffer): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(maskedCrc(file.subarray(at, at + 8)));
    const bytes = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(maskedCrc(bytes));
    records.push(bytes);
    at += 16 + length;
  }
  return records;
}

/** Fields of a message by number, in order; what is within others stays bytes. */
function fields(bytes: Uint8Array): [number, unknown][] {
  const reader = new BinaryReader(bytes);
  const found: [number, unknown][] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === WireType.Varint) found.push([field, Number(reader.int64())]);
    else if (type === WireType.Bit64) found.push([field, reader.double()]);
    else if (type === WireType.Bit32) found.push([field, reader.float()]);
    else found.push([field, reader.bytes()]);
  }
  return found;
}

const inside = (bytes: Uint8Array, ...path: number[]): unknown =>
  path.reduce<unknown>((value, field) => fields(value as Uint8Array).find(([number]) => number === field)?.[1], bytes);
const textAt = (bytes: Uint8Array, ...path: number[]) => new TextDecoder().decode(inside(bytes, ...path) as Uint8Array);

async function eventsIn(writer: TensorBoardWriter): Promise<Uint8Array[]> {
  return recordsOf(await readFile(writer.path));
}

test("version, start of the session, scalars and text", async () => {
  const output = join(await temporaryFolder(), "run");
  const before = Date.now() / 1000;
  const writer = await TensorBoardWriter.open(output, { fromStep: 40 });
  await writer.scalars(41, { "train/loss": 2.5, "train/loss_itm": -0.1 });
  await writer.text(41, "settings", "**batch_size** 2");
  await writer.close();
  expect(await readdir(join(output, "logs"))).toEqual([basename(writer.path)]);
  expect(writer.path).toMatch(/events\.out\.tfevents\.\d{10}\.[\w.-]+\.\d+\.0$/);
  const [version, start, scalars, text, ...rest] = await eventsIn(writer);
  expect(rest).toEqual([]);
  expect(textAt(version!, 3)).toBe("brain.Event:2");
  // From step 41 on earlier files are hidden.
  expect([inside(start!, 2), inside(start!, 7, 1)]).toEqual([41, 1]);
  expect(inside(scalars!, 1)).toBeGreaterThanOrEqual(before);
  expect(inside(scalars!, 2)).toBe(41);
  const values = fields(inside(scalars!, 5) as Uint8Array).map(([, value]) => value as Uint8Array);
  expect(values.map((value) => [textAt(value, 1), inside(value, 2)])).toEqual([
    ["train/loss", 2.5],
    ["train/loss_itm", Math.fround(-0.1)],
  ]);
  expect(textAt(text!, 5, 1, 1)).toBe("settings");
  expect(inside(text!, 5, 1, 8, 1)).toBe(7);
  expect(inside(text!, 5, 1, 8, 2, 2, 1)).toBe(1);
  expect(textAt(text!, 5, 1, 8, 8)).toBe("**batch_size** 2");
  expect(textAt(text!, 5, 1, 9, 1, 1)).toBe("text");
  expect(inside(text!, 5, 1, 9, 4)).toBe(2);
});

test("a new run hides all earlier events", async () => {
  const writer = await TensorBoardWriter.open(await temporaryFolder());
  expect(inside((await eventsIn(writer))[1]!, 2)).toBe(0);
  await writer.close();
});

test("files of a run are read in order, also within one second", async () => {
  const output = await temporaryFolder();
  const writers = [];
  for (let i = 0; i < 3; i++) writers.push(await TensorBoardWriter.open(output, { fromStep: i }));
  const paths = writers.map(({ path }) => path);
  expect(new Set(paths).size).toBe(3);
  expect([...paths].sort()).toEqual(paths);
  await Promise.all(writers.map((writer) => writer.close()));
});

test("a file in the place of the folder is an error", async () => {
  const output = await temporaryFolder();
  await writeFile(join(output, "logs"), "");
  await expect(TensorBoardWriter.open(output)).rejects.toThrow(InputError);
});
