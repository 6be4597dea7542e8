/** The blocks of the project's README with the output that follows them, and how they are run. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const root = fileURLToPath(new URL("../", import.meta.url));
const readme = await readFile(join(root, "README.md"), "utf8");

/** The blocks of this language after `heading` that an output block follows, each with that. */
export function shown(language: string, heading: string): { readonly source: string; readonly output: string }[] {
  const inside = "((?:(?!```)[^])*)";
  const blocks = new RegExp(`\`\`\`${language}\\n${inside}\`\`\`\\n\\n\`\`\`text\\n${inside}\`\`\``, "g");
  const matches = readme.slice(readme.indexOf(heading)).matchAll(blocks);
  return [...matches].map(([, source, output]) => ({ source: source!, output: output! }));
}

export const run = (...args: string[]) => promisify(execFile)(process.execPath, args, { cwd: root });
export const cli = "dist/cli/main.js";
