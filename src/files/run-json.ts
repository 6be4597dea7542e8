/** Small JSON files of a checkpoint. */
import { open } from "node:fs/promises";
import { InputError } from "../errors.js";
import { systemCode } from "./system-code.js";

/** Beyond what the log of a run grows to. */
const maxBytes = 256 * 2 ** 20;

/** @throws InputError when the file is missing, too large or no JSON */
export async function readJson(path: string): Promise<unknown> {
  const bytes = await readBounded(path);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new InputError({
      code: "invalid-json",
      where: path,
      expected: "a JSON file",
      found: "text that is not JSON",
      hint,
    });
  }
}

/** @throws InputError when the file is missing, too large or holds something else than an object */
export async function readJsonObject(path: string): Promise<object> {
  const value = await readJson(path);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new InputError({
    code: "invalid-json",
    where: path,
    expected: "a JSON object",
    found: "another JSON value",
    hint,
  });
}

const hint = "Resume from another checkpoint";

async function readBounded(path: string): Promise<Uint8Array> {
  const expected = "a readable file";
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size <= maxBytes) return await file.readFile();
      throw new InputError({
        code: "file-too-large",
        where: path,
        expected: `at most ${maxBytes} bytes`,
        found: String(size),
        hint,
      });
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined || error instanceof InputError) throw error;
    const found = code === "ENOENT" ? "no such file" : `system error ${code}`;
    throw new InputError({ code: InputError.fileCode(code), where: path, expected, found, hint }, { cause: error });
  }
}
