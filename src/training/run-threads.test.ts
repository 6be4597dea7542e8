/** A run whose image threads die. */
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { expect, onTestFinished, test, vi } from "vitest";
import { train } from "./run.js";
import { logOf, makePairs, temporaryFolder, tinySettings } from "./tiny-run.test-support.js";

/** Ends an image thread when it is sent its fourth image. Node reports each new thread of the process. */
function endImageThreads(): { readonly ended: () => number } {
  let ended = 0;
  const watch = (worker: Worker) => {
    let images = 0;
    const post = worker.postMessage.bind(worker);
    vi.spyOn(worker, "postMessage").mockImplementation((message: { readonly call?: string }, transfer) => {
      post(message, transfer as ArrayBuffer[]);
      if (message.call !== "prepare" || ++images !== 4) return;
      ended++;
      void worker.terminate();
    });
  };
  process.on("worker", watch);
  onTestFinished(() => void process.off("worker", watch));
  return { ended: () => ended };
}

test("a crashed image thread neither ends the run nor changes its numbers", async () => {
  const root = await temporaryFolder();
  await makePairs(root);
  const settings = { max_steps: 5, objectives: { itm: 1 } };
  await train(tinySettings(root, { ...settings, output: join(root, "undisturbed") }));
  const { ended } = endImageThreads();
  const warnings: string[] = [];
  const { steps } = await train(tinySettings(root, settings), { onWarning: (line) => warnings.push(line) });
  expect([steps, warnings]).toEqual([5, []]);
  expect(ended()).toBeGreaterThan(1);
  expect(await logOf(join(root, "run"))).toEqual(await logOf(join(root, "undisturbed")));
});
