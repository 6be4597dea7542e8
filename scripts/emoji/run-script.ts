/** What the scripts of this folder have in common as programs: a line of progress, errors of users in one line, Ctrl-C. */
import { inspect } from "node:util";
import { Interrupts } from "../../src/cli/terminal/interrupts.js";
import { ProgressLine } from "../../src/cli/terminal/progress-line.js";
import { InputError } from "../../src/errors.js";

export interface Script {
  /** Aborted by Ctrl-C. */
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
  const interrupts = new Interrupts(process, () => progress.clear());
  await interrupts.whileWriting(async () => {
    try {
      await work({ signal: interrupts.signal, progress, tell });
    } catch (error) {
      if (interrupts.signal.aborted) tell("stopped; the same command goes on");
      else {
        tell(error instanceof InputError ? error.message : inspect(error));
        process.exitCode = 1;
      }
    } finally {
      progress.clear();
    }
  });
}
