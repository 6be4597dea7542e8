/** What the scripts of this folder have in common as programs: a line of progress, errors of users in one line, Ctrl-C. */
import { ProgressLine } from "../../src/cli/progress-line.js";
import { InputError } from "../../src/errors.js";

export interface Script {
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
  /** Says something that stays, on standard error. */
  readonly tell: (line: string) => void;
}

/** Does the work of a script that keeps what is done, so that after Ctrl-C the same command goes on. */
export async function runScript(work: (script: Script) => Promise<void>): Promise<void> {
  const progress = new ProgressLine(process.stderr);
  const tell = (line: string) => {
    progress.clear();
    console.error(line);
  };
  const halted = new AbortController();
  process.once("SIGINT", () => {
    halted.abort(new Error("interrupted"));
    // A second Ctrl-C ends the process at once; tsx passes on the first one although the terminal has sent it already.
    setTimeout(() => process.removeAllListeners("SIGINT"), 1000).unref();
    process.on("SIGINT", () => undefined);
  });
  try {
    await work({ signal: halted.signal, progress, tell });
  } catch (error) {
    if (halted.signal.aborted) {
      tell("stopped; the same command goes on");
      process.exitCode = 130;
    } else {
      progress.clear();
      console.error(error instanceof InputError ? error.message : error);
      process.exitCode = 1;
    }
  } finally {
    progress.clear();
  }
}
