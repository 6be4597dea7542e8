/** A run whose image threads die. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test, vi } from "vitest";
import type * as Data from "../data/index.js";
import { train } from "./run.js";
import { logOf, makePairs, temporaryFolder, tinySettings } from "./tiny-run.test-support.js";

const deadly = vi.hoisted(() => ({ worker: undefined as URL | undefined }));
vi.mock("../data/index.js", async (importOriginal) => {
  const data = await importOriginal<typeof Data>();
  class ImageThreads extends data.ImageThreads {
    constructor(options: Data.ImageThreadsOptions) {
      super({ ...options, ...(deadly.worker === undefined ? {} : { worker: deadly.worker }) });
    }
  }
  return { ...data, ImageThreads };
});

test("a crashed image thread neither ends the run nor changes its numbers", async () => {
  const root = await temporaryFolder();
  await makePairs(root);
  const settings = { max_steps: 5, objectives: { itm: 1 } };
  await train(tinySettings(root, { ...settings, output: join(root, "undisturbed") }));
  // The real worker, which exits when it gets its seventh image.
  const real = new URL("../../dist/data/loader/image-worker.js", import.meta.url).href;
  const file = join(root, "deadly-worker.mjs");
  await writeFile(
    file,
    `import { parentPort } from "node:worker_threads";
await import(${JSON.stringify(real)});
let images = 0;
parentPort.on("message", ({ call }) => {
  if (call === "prepare" && ++images === 7) process.exit(3);
});`,
  );
  deadly.worker = pathToFileURL(file);
  const warnings: string[] = [];
  const { steps } = await train(tinySettings(root, settings), { onWarning: (line) => warnings.push(line) });
  expect([steps, warnings]).toEqual([5, []]);
  expect(await logOf(join(root, "run"))).toEqual(await logOf(join(root, "undisturbed")));
});
