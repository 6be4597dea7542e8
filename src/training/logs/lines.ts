/** Lines of a file that may be torn, of any size, or no text at all. */
import { systemCode } from "../../files/index.js";
import { createReadStream } from "node:fs";
import { InputError } from "../../errors.js";

/** Characters; a longer line is no record of a log. */
const longest = 2 ** 20;

/**
 * The lines of a UTF-8 file, without their ends; those that are too long are left out, the last one need not end. A file that does
 * not exist has none.
 * @throws InputError when it cannot be read
 */
export async function* linesOf(path: string): AsyncGenerator<string> {
  let part = "";
  let tooLong = false;
  try {
    for await (const chunk of createReadStream(path, { encoding: "utf8" }) as AsyncIterable<string>) {
      const [first = "", ...others] = chunk.split("\n");
      part = tooLong ? "" : part + first;
      for (const next of others) {
        if (!tooLong) yield part;
        tooLong = false;
        part = next;
      }
      tooLong ||= part.length > longest;
    }
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") return;
    if (code === undefined) throw error;
    throw new InputError(
      { code: InputError.fileCode(code), where: path, expected: "a readable file", found: `system error ${code}` },
      { cause: error },
    );
  }
  if (part !== "" && !tooLong) yield part;
}
