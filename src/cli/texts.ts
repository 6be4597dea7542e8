import { InputError } from "../errors.js";
import { UsageError } from "./usage-error.js";

const maxInput = 256 * 2 ** 20;
const where = "standard input";

/**
 * Texts named on the command line, where `-` stands for the lines of standard input.
 * @throws UsageError for a second `-`
 * @throws InputError when standard input holds no text, is not UTF-8, or is too large
 */
export async function readTexts(texts: readonly string[], stdin: AsyncIterable<Uint8Array>): Promise<string[]> {
  const place = texts.indexOf("-");
  if (place === -1) return [...texts];
  if (texts.indexOf("-", place + 1) !== -1) {
    const found = "more than one, but there is only one standard input";
    throw new UsageError({ code: "invalid-usage", where: "--text", expected: "at most one -", found });
  }
  return [...texts.slice(0, place), ...(await readLines(stdin)), ...texts.slice(place + 1)];
}

/**
 * The one text of a command that takes a single one.
 * @throws InputError when standard input holds several lines, and as `readTexts`
 */
export async function readText(text: string, stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const texts = await readTexts([text], stdin);
  if (texts.length === 1) return texts[0]!;
  throw new InputError({
    code: "invalid-argument",
    where,
    expected: "a single line, as this command takes one text",
    found: `${texts.length}`,
  });
}

async function readLines(stdin: AsyncIterable<Uint8Array>): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    length += chunk.length;
    if (length > maxInput) {
      throw new InputError({
        code: "file-too-large",
        where,
        expected: `at most ${maxInput} bytes`,
        found: "more",
        hint: "Split the texts",
      });
    }
    chunks.push(chunk);
  }
  const lines = decoded(Buffer.concat(chunks)).split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  if (lines.length > 0) return lines;
  throw new InputError({ code: "missing-data", where, expected: "texts, one a line", found: "nothing" });
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
