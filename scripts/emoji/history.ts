/**
 * Keeps how the packaged model was trained: `docs/emoji-training.jsonl`, its curves, and the table of `docs/emoji.md`.
 *
 *   npx tsx scripts/emoji/history.ts
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runScript } from "./run-script.js";
import { writeHistory } from "./write-history.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

await runScript(async ({ tell }) => {
  await writeHistory(join(root, "recipes/emoji"), root, join(root, "docs"));
  tell("written: docs/emoji-training.jsonl, docs/emoji-training.svg and the table in docs/emoji.md");
});
