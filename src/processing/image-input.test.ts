import { openAsBlob } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { InputError } from "../errors.js";
import { decodeImage } from "./decode-image.js";
import type { ImageInput } from "./image-input.js";

const path = join(import.meta.dirname, "../../examples/images/010.png");
const bytes = await readFile(path);
const expected = await decodeImage(path);

/** The bytes as a part of a larger array. */
const padded = new Uint8Array(bytes.length + 7);
padded.set(bytes, 3);

function sharedCopy(from: Uint8Array): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(from.length);
  new Uint8Array(shared).set(from);
  return shared;
}

const forms: readonly (readonly [string, ImageInput | Promise<ImageInput>])[] = [
  ["a file: URL", pathToFileURL(path)],
  ["a file: URL as a string", pathToFileURL(path).href],
  ["a Buffer", bytes],
  ["a Uint8Array", new Uint8Array(bytes)],
  ["an ArrayBuffer", new Uint8Array(bytes).buffer],
  ["a DataView", new DataView(padded.buffer, 3, bytes.length)],
  ["a Uint8ClampedArray", new Uint8ClampedArray(padded.buffer, 3, bytes.length)],
  ["a SharedArrayBuffer", sharedCopy(bytes)],
  ["an ArrayBuffer of another realm", runInNewContext("Uint8Array.from(bytes).buffer", { bytes }) as ArrayBuffer],
  ["a Blob", new Blob([bytes])],
  ["a Blob backed by a file", openAsBlob(path)],
  ["a data: URL", new URL(`data:image/png;base64,${bytes.toString("base64")}`)],
  ["a data: URL as a string", `data:image/png;base64,${bytes.toString("base64")}`],
  ["a data: URL with escaped characters", `data:image/png;base64,${encodeURIComponent(bytes.toString("base64"))}`],
  [
    "a data: URL without base64",
    `data:image/png,${[...bytes].map((b) => `%${b.toString(16).padStart(2, "0")}`).join("")}`,
  ],
  ["decoded pixels", { width: expected.width, height: expected.height, data: expected.data }],
];

test.each(forms)("%s gives the same pixels as a path", async (_, form) => {
  const { width, height, data } = await decodeImage(await form);
  expect({ width, height }).toEqual({ width: expected.width, height: expected.height });
  expect(Buffer.compare(data, expected.data)).toBe(0);
});

const problem = (image: unknown): Promise<InputError> =>
  decodeImage(image as ImageInput).then(
    () => Promise.reject(new Error("loaded")),
    (error: InputError) => error,
  );

test.each([
  [
    "https://example.org/it's.png?a=1&b=2",
    "invalid-argument",
    "Fetch it first: curl -O 'https://example.org/it%27s.png?a=1&b=2' in a shell, await (await fetch(url)).blob() in code.",
  ],
  ["file://elsewhere/a.png", "invalid-argument", "file://elsewhere/a.png: expected a file: URL of this machine"],
  [
    "ftp://example.org/a.png",
    "invalid-argument",
    "for example with curl -O 'ftp://example.org/a.png', and give the path",
  ],
  ["s3://bucket/a.png", "invalid-argument", "scheme s3:. Download it first, and give the path of the file."],
  [new URL("http://example.org/a.png"), "invalid-argument", "found a URL with the scheme http:."],
  [
    7,
    "invalid-argument",
    "expected a path, a file: or data: URL, a Uint8Array, ArrayBuffer, Blob or RawImage, found a number.",
  ],
  [undefined, "invalid-argument", "found undefined."],
  [{ width: 1, height: 1, data: [1, 2, 3] }, "invalid-argument", "found another object."],
  [
    new Float32Array(3),
    "invalid-argument",
    "found Float32Array. Give the bytes of an image file, or pixels as { width, height, data }.",
  ],
  [
    { width: 1, height: 1, data: new Uint8ClampedArray(4) },
    "invalid-argument",
    "data of decoded pixels is a Uint8Array of 3 bytes per pixel",
  ],
  [[bytes], "invalid-argument", "found an array."],
  [new Map(), "invalid-argument", "found Map."],
  [
    "data:image/png;base64",
    "invalid-image",
    "expected data:image/…;base64,…, found a data: URL that cannot be decoded.",
  ],
  ["data:image/png;base64,%zz", "invalid-image", "found a data: URL that cannot be decoded."],
  ["data:image/png;base64,", "invalid-image", "data URL: expected an image, found an empty file (0 bytes)."],
  [new File([new Uint8Array([1, 2])], "photo.png"), "unsupported-format", "photo.png: expected a PNG"],
  ["C:\\no\\such.png", "file-not-found", "such.png: expected an image file"],
])("%s is refused: %s", async (image, code, message) => {
  const error = await problem(image);
  expect(error).toBeInstanceOf(InputError);
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
});

test.each([
  ["base64", bytes.toString("base64"), "image: expected a path, or a file: or data: URL, found a text of 2"],
  ["base64 in lines", bytes.toString("base64").replace(/.{76}/g, "$&\r\n"), 'Buffer.from(text, "base64")'],
  ["base64 of URLs", bytes.toString("base64url"), "write data:image/png;base64, before it"],
  ["a long name", `${"photo ".repeat(1000)}.png`, `${"photo ".repeat(1000).slice(0, 197)}...: expected an image file`],
  ["a long URL", `https://example.org/${"a".repeat(5000)}.png`, "curl -O URL in a shell"],
  ["a long data: URL", `data:image/png;base64${"x".repeat(5000)}`, "a data: URL that cannot be decoded"],
])("%s: a short error that does not repeat it", async (_, text, message) => {
  const error = await problem(text);
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toContain(message);
  expect(error.message.length).toBeLessThan(450);
});
