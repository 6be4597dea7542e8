/** Takes the lock at each path on standard input, and prints whether it got it. */
import { createInterface } from "node:readline";
import { acquireLock, LockHeld } from "./index.js";

process.stdout.write("ready\n");
for await (const path of createInterface({ input: process.stdin })) {
  const result = await acquireLock(path).then(
    () => "taken",
    (error: unknown) => (error instanceof LockHeld ? "held" : String(error)),
  );
  process.stdout.write(`${result}\n`);
}
