/** Images and texts that the command line names: folders of images, lines of standard input. */
import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import { InputError } from "../errors.js";
import { fileError, isFolder, statRegular } from "../files/index.js";
import { UsageError } from "./options.js";

const maxInputBytes = 256 * 2 ** 20;
const where = "standard input";

/**
 * Replaces folders by the images in them: by ending, sorted by name, without subfolders and hidden files. Whether a file is an image is
 * checked when it is read.
 * @param onWarning called with the names of images in a folder that cannot be decoded, such as `.bmp`
 * @throws InputError if a named file is missing, or a folder contains no image or cannot be read
 */
export async function imageFiles(
  paths: readonly string[],
  onWarning: (message: string) => void = () => undefined,
): Promise<string[]> {
  const lists = await Promise.all(
    paths.map(async (path) => {
      if (await isFolder(path)) return imagesIn(path, onWarning);
      // A wrong name on the command line is an error before the model is opened. URLs and an empty name are refused when they are read.
      if (path !== "" && !/^[a-z]{2,}:/i.test(path)) await statRegular(path, { expected: "an image file" });
      return [path];
    }),
  );
  return lists.flat();
}

const maxNamed = 5;

async function imagesIn(folder: string, onWarning: (message: string) => void): Promise<string[]> {
  // Loaded with the first folder: commands without images start faster without it.
  const { imageEndings, undecodedEndings } = await import("../processing/index.js");
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(folder, error, { expected: "a folder that can be read" });
  });
  const files = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
  const withEnding = (endings: readonly string[]) =>
    files.filter((name) => endings.includes(extname(name).slice(1).toLowerCase())).sort();
  const [names, undecoded] = [withEnding(imageEndings), withEnding(undecodedEndings)];
  const listed = undecoded.slice(0, maxNamed).join(", ");
  const more = undecoded.length > maxNamed ? ` and ${undecoded.length - maxNamed} more` : "";
  if (names.length === 0) {
    throw new InputError({
      code: "missing-data",
      where: folder,
      expected: `a folder with images (${imageEndings.join(", ")})`,
      found: undecoded.length === 0 ? "none in it" : `only ${listed}${more}`,
      hint:
        undecoded.length === 0
          ? "Choose another folder, or the files themselves: subfolders are not searched"
          : "Convert them to PNG or JPEG first",
    });
  }
  if (undecoded.length > 0) {
    onWarning(`${folder}: left out ${listed}${more}, which cannot be decoded: convert them to PNG or JPEG`);
  }
  return names.map((name) => join(folder, name));
}

/**
 * Replaces `-` by the lines of standard input.
 * @throws UsageError for a second `-`
 * @throws InputError if standard input contains no text, is not UTF-8, or is too large
 */
export async function readTexts(texts: readonly string[], stdin: AsyncIterable<Uint8Array>): Promise<string[]> {
  const place = texts.indexOf("-");
  if (place === -1) return [...texts];
  if (texts.indexOf("-", place + 1) !== -1) {
    const found = "more than one, but there is only one standard input";
    throw new UsageError({ where: "--text", expected: "at most one -", found });
  }
  return [...texts.slice(0, place), ...(await readLines(stdin)), ...texts.slice(place + 1)];
}

/**
 * The text of a command that takes a single one.
 * @throws InputError if standard input contains several lines, and as `readTexts`
 */
export async function readText(text: string, stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const texts = await readTexts([text], stdin);
  if (texts.length === 1) return texts[0]!;
  throw new InputError({
    code: "invalid-argument",
    where,
    expected: "a single line: this command takes one text",
    found: `${texts.length}`,
  });
}

async function readLines(stdin: AsyncIterable<Uint8Array>): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    length += chunk.length;
    if (length > maxInputBytes) {
      throw new InputError({
        code: "file-too-large",
        where,
        expected: `at most ${maxInputBytes} bytes`,
        found: "more",
        hint: "Split the texts",
      });
    }
    chunks.push(chunk);
  }
  const lines = decoded(Buffer.concat(chunks)).split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  if (lines.length > 0) return lines;
  throw new InputError({ code: "missing-data", where, expected: "texts, one per line", found: "none" });
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const hint = "Convert the texts to UTF-8";
    throw new InputError(
      { code: "unsupported-format", where, expected: "texts in UTF-8", found: "other bytes", hint },
      { cause },
    );
  }
}
