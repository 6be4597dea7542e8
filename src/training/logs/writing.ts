import { systemCode } from "../../files/index.js";
import { InputError } from "../../errors.js";

/** Does something with a file of the log; the errors of the system come as InputErrors that name it. */
export async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    const found = code === "ENOSPC" ? "a full disk" : `system error ${code}`;
    const hint = "Make room or check its permissions, then resume";
    throw new InputError(
      {
        code: InputError.fileCode(code, "file-not-writable"),
        where: path,
        expected: "a file that can be written",
        found,
        hint,
      },
      { cause: error },
    );
  }
}
