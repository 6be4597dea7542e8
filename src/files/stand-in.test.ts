import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parsePythonJson, readJson, readLines, standIn } from "./index.js";

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";

async function fileOf(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-stand-in-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "a.json"), text);
  return join(folder, "a.json");
}

test.each([
  [pointer, "a Git LFS pointer, which only names the file. Run `git lfs pull` in its folder."],
  ["\n<!DOCTYPE html><title>Sign in</title>", "a web page (HTML). Download the file itself"],
  ["<html>", "a web page (HTML)"],
])("JSON and lines of %j", async (text, message) => {
  const path = await fileOf(text);
  await expect(readJson(path, { maxBytes: 1000 })).rejects.toThrow(message);
  await expect(readLines(path).next()).rejects.toThrow(message);
});

test("other files are not taken for one of these", () => {
  for (const text of ["", "version 2", "<svg>", "<htmlx>", "{}"]) expect(standIn(Buffer.from(text))).toBeUndefined();
});

test("NaN and infinities of Python's JSON are null, but not in texts", () => {
  const text = '{"NaN": [NaN, -Infinity, Infinity], "a": "NaN \\" Infinity", "b\\\\": NaN, "c": "\\\\"}';
  expect(parsePythonJson(text)).toEqual({ NaN: [null, null, null], a: 'NaN " Infinity', "b\\": null, c: "\\" });
  for (const broken of ["NaN1", "{NaN: 1}", '"NaN', "[NaN", "-NaN", "xNaN"]) {
    expect(() => parsePythonJson(broken)).toThrow(SyntaxError);
  }
  expect(parsePythonJson(`["${"\\\\".repeat(2 ** 20)}", NaN]`)).toEqual(["\\".repeat(2 ** 20), null]);
});
