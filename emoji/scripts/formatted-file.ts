/** Files of `docs/` that scripts write, formatted as all others are, so that the check of the formatting passes. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { InputError } from "bridgetower";

/** Writes a file beside its name and moves it there: it is never half written. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Markdown or JSON, by the ending of the name. */
export async function writeFormatted(path: string, text: string): Promise<void> {
  const config = await resolveConfig(fileURLToPath(import.meta.url));
  const formatted = await format(text, { ...config, filepath: basename(path) });
  await writeWhole(path, formatted);
}

/**
 * Puts Markdown between the lines `<!-- name -->` and `<!-- /name -->` of a document, in place of what is there.
 * @throws InputError when the document is missing or does not have both lines
 */
export async function writeSection(path: string, name: string, content: string): Promise<void> {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const expected = `a document with the lines ${start} and ${end}`;
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new InputError(
      { code: "file-unreadable", where: path, expected, found: "no file that can be read" },
      { cause },
    );
  });
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from === -1 || to < from) {
    throw new InputError({
      code: "unsupported-format",
      where: path,
      expected,
      found: "none, or in another order",
      hint: "Put them where it belongs",
    });
  }
  await writeFormatted(path, `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`);
}

/** A table in Markdown: the heading and the rows; all columns but the first are numbers. */
export function markdownTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heading), line(heading.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** A share, 0..1, with three decimals; a dash where nothing was measured. */
export const shareText = (share: number | undefined): string => (share === undefined ? "–" : share.toFixed(3));
