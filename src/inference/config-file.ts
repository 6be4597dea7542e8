import { readJsonObjectIfPresent } from "../files/index.js";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { parseConfig, type BridgeTowerConfig } from "../model/index.js";

const maxBytes = 2 ** 20;

/**
 * The checked `config.json` of a model folder.
 * @throws InputError when it is missing, is no regular file, is not JSON, or contradicts itself
 */
export async function readConfig(folder: string): Promise<BridgeTowerConfig> {
  const where = join(folder, "config.json");
  const json = await readJsonObjectIfPresent(where, { maxBytes });
  if (json !== undefined) return parseConfig(json, where);
  const hint = "Name the folder of a checkpoint in Hugging Face layout";
  throw new InputError({
    code: "file-not-found",
    where,
    expected: "the model's configuration",
    found: "no such file",
    hint,
  });
}
