import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LineOptions, readLineBatches, readLines } from "./index.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bridgetower-lines-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function linesOf(content: string | Uint8Array, options?: LineOptions): Promise<[number, string][]> {
  const path = join(folder, "a.txt");
  await writeFile(path, content);
  const lines: [number, string][] = [];
  for await (const { number, text } of readLines(path, options)) lines.push([number, text]);
  return lines;
}

test("lines are numbered as editors number them, and blank ones are skipped", async () => {
  expect(await linesOf("\ufeffone\r\n\n  \ntwo")).toEqual([
    [1, "one"],
    [4, "two"],
  ]);
  expect(await linesOf("")).toEqual([]);
});

test("a line that is too long, or not UTF-8, is an error that names it", async () => {
  await expect(linesOf("abc\n\nabcd\n", { maxLineLength: 3 })).rejects.toThrow(
    "a.txt, line 3: expected at most 3 characters, found a longer line.",
  );
  await expect(linesOf("abc\nabcd", { maxLineLength: 3 })).rejects.toThrow("line 2");
  await expect(linesOf(Uint8Array.of(0x61, 10, 0xff, 10))).rejects.toThrow(
    'a.txt, line 2: expected text in UTF-8, found the byte 0xFF ("ÿ" in Windows-1252). Save the file as UTF-8',
  );
  await expect(linesOf(Uint8Array.of(0x61, 10, 0xc3))).rejects.toThrow("text in UTF-8");
});

test("in a damaged file, long lines are skipped and invalid bytes replaced", async () => {
  const long = "x".repeat(3 * 2 ** 18);
  const options = { damaged: "skip", maxLineLength: 100 } as const;
  expect(await linesOf(`a\n${long}\nb\n${long}`, options)).toEqual([
    [1, "a"],
    [3, "b"],
  ]);
  expect(await linesOf(Uint8Array.of(0xff, 10, 0x62), options)).toEqual([
    [1, "\ufffd"],
    [2, "b"],
  ]);
});

test("characters and lines across chunk boundaries are complete", async () => {
  const line = "é".repeat(1000);
  const lines = await linesOf(`${line}\n`.repeat(400));
  expect(lines.length).toBe(400);
  expect(new Set(lines.map(([, text]) => text))).toEqual(new Set([line]));
});

test("progress counts bytes, and an aborted signal stops with its reason", async () => {
  const path = join(folder, "b.txt");
  await writeFile(path, "a\n".repeat(2 ** 18));
  const progress: [number, number][] = [];
  const stop = new AbortController();
  const read = async () => {
    const onProgress = (done: number, total: number) => {
      progress.push([done, total]);
      stop.abort(new Error("enough"));
    };
    for await (const _ of readLineBatches(path, { signal: stop.signal, onProgress }));
  };
  await expect(read()).rejects.toThrow("enough");
  expect(progress).toEqual([[2 ** 18, 2 ** 19]]);
});

test("a text in another encoding is an error that names the encoding and the line", async () => {
  const start = "a\n".repeat(2 ** 17);
  const umlaut = Buffer.from(`${start}é\nB\xe4r`, "latin1");
  await expect(linesOf(umlaut)).rejects.toThrow(
    `a.txt, line ${2 ** 17 + 1}: expected text in UTF-8, found the byte 0xE9 ("é" in Windows-1252).`,
  );
  // The first letter is cut by the end of what is read at once.
  const cut = Buffer.concat([Buffer.from(`x${start.slice(2)}é\n`), Buffer.from("B\xe4r", "latin1")]);
  await expect(linesOf(cut)).rejects.toThrow(`line ${2 ** 17 + 1}: expected text in UTF-8, found the byte 0xE4`);
  const utf16 = [Buffer.from("\ufeffimage", "utf16le"), Buffer.from("\ufeffimage", "utf16le").swap16()];
  for (const bytes of [...utf16, Buffer.from("image", "utf16le")]) {
    await expect(linesOf(bytes)).rejects.toThrow("a.txt, line 1: expected text in UTF-8, found text in UTF-16.");
  }
});
