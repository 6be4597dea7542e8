/**
 * Records the training of the packaged model: writes `emoji/docs/emoji-training.jsonl`, its curves and the table of `emoji/docs/emoji.md`.
 *
 *   npx tsx emoji/scripts/history.ts
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runScript } from "./run-script.js";
import { writeHistory } from "./write-history.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

await runScript(async ({ log }) => {
  await writeHistory(join(root, "emoji/recipes"), root, join(root, "emoji/docs"));
  log("written: emoji-training.jsonl, emoji-training.svg and the table of emoji.md in emoji/docs");
});
