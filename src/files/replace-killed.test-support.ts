/** Replaces a set of files, and is killed before its n-th operation that renames or removes. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceFiles } from "./index.js";
import { killAtOperation } from "./kill-at.test-support.js";

const [folder = "", killAt = "", order = "", contents = ""] = process.argv.slice(2);
killAtOperation(["rename", "rm"], Number(killAt));

await replaceFiles(folder, JSON.parse(order) as string[], async (unfinished) => {
  for (const [name, text] of Object.entries(JSON.parse(contents) as Record<string, string>)) {
    await writeFile(join(unfinished, name), text);
  }
});
