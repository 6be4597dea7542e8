import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { parseConfig, type BridgeTowerConfig } from "../model/index.js";

/**
 * The checked `config.json` of a model folder.
 * @throws InputError when it is missing, is not JSON, or contradicts itself
 */
export async function readConfig(folder: string): Promise<BridgeTowerConfig> {
  const where = join(folder, "config.json");
  const text = await readFile(where, "utf8").catch((cause: unknown) => {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new InputError(
      {
        where,
        expected: "the model's configuration",
        found: missing ? "no such file" : String(cause),
        mend: "Name the folder of a checkpoint in Hugging Face layout",
      },
      { cause },
    );
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const found = `a syntax error («${cause instanceof Error ? cause.message : String(cause)}»)`;
    throw new InputError({ where, expected: "JSON", found, mend: "Download the file again" }, { cause });
  }
  return parseConfig(json, where);
}
