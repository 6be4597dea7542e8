/** Writes files of `docs/`, formatted with Prettier so that the formatting check passes. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { InputError } from "bridgetower";

/** Writes a temporary file and renames it, so that the file is never incomplete. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Markdown or JSON, by file extension. */
export async function writeFormatted(path: string, text: string): Promise<void> {
  const config = await resolveConfig(fileURLToPath(import.meta.url));
  const formatted = await format(text, { ...config, filepath: basename(path) });
  await writeWhole(path, formatted);
}

/**
 * Puts Markdown between the lines `<!-- name -->` and `<!-- /name -->` of a document, replacing the old content.
 * @throws InputError if the document is missing or does not have both lines
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
      hint: "Add both lines to the document",
    });
  }
  await writeFormatted(path, `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`);
}

/** Formats a table in Markdown. All columns but the first are right-aligned numbers. */
export function markdownTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heading), line(heading.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** A share, 0..1, with three decimals, or a dash if it was not measured. */
export const shareText = (share: number | undefined): string => (share === undefined ? "–" : share.toFixed(3));
