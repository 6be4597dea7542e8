/** Replaces a set of files, and is killed before its n-th operation that renames or removes. */
import files, { writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { replaceFiles } from "./index.js";

const [folder = "", killAt = "", order = "", contents = ""] = process.argv.slice(2);
let operations = 0;

for (const name of ["rename", "rm"] as const) {
  const original = files[name] as (...args: unknown[]) => unknown;
  const counted = (...args: unknown[]) => {
    if (++operations === Number(killAt)) process.kill(process.pid, "SIGKILL");
    return original(...args);
  };
  Object.assign(files, { [name]: counted });
}
syncBuiltinESMExports();

await replaceFiles(folder, JSON.parse(order) as string[], async (unfinished) => {
  for (const [name, text] of Object.entries(JSON.parse(contents) as Record<string, string>)) {
    await writeFile(join(unfinished, name), text);
  }
});
