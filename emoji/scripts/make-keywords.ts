/**
 * Writes emoji/src/vocabulary/keywords.json: name and search words of every emoji of the vocabulary, from emojibase-data 17.0.0 (MIT;
 * CLDR, Unicode-3.0).
 *
 *   npm install --no-save emojibase-data@17.0.0 && npx tsx emoji/scripts/make-keywords.ts [FOLDER WITH node_modules]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Noun } from "../src/vocabulary/vocabulary.js";

interface Emoji {
  readonly hexcode: string;
  readonly label: string;
  readonly tags?: readonly string[];
}

const vocabulary = new URL("../src/vocabulary/", import.meta.url);
const packages = createRequire(
  resolve(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)), "package.json"),
);
const emoji = packages("emojibase-data/en/data.json") as readonly Emoji[];
const byCode = new Map(emoji.map((entry) => [entry.hexcode.toLowerCase().replaceAll("-fe0f", ""), entry]));
const nouns = JSON.parse(readFileSync(new URL("nouns.json", vocabulary), "utf8")) as readonly Noun[];
const lines = nouns
  .flatMap(({ hex }) => hex)
  .map((code) => {
    const { label, tags = [] } = byCode.get(code)!;
    return `${JSON.stringify(code)}: ${JSON.stringify({ label, tags })}`;
  });
writeFileSync(new URL("keywords.json", vocabulary), `{\n${lines.join(",\n")}\n}\n`);
console.log(`${lines.length} emoji`);
