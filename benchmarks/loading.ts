/**
 * Does a training step of the base size at 288 pixels (matching and masked tokens, batch 4) wait for its images? Compares
 * loading 640 × 480 JPEG files on one thread with the step, and measures the share of a run that is spent waiting.
 *
 *   npm run bench:load
 *   npm run bench:load -- STEPS
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { openDataset, ImageThreads, type TransformKey } from "../src/data/index.js";
import { train } from "../src/training/index.js";
import { machine, printTable, randomCheckpoint, seconds, timed, Times } from "./measure.js";

const steps = Number(process.argv[2] ?? 8);
const batch = 4;
const count = 64;
const folder = randomCheckpoint("base");
const scratch = mkdtempSync(join(tmpdir(), "bridgetower-bench-"));

try {
  await makeImages();
  const rows: string[][] = [];
  for (const transform of ["clip", "blip_randaug_wc"] satisfies TransformKey[]) {
    const loading = await loadingAlone(transform);
    const { step, waiting } = await run(transform);
    rows.push([
      transform,
      seconds(loading.median * batch),
      `${(1 / loading.median).toFixed(0)} images/s`,
      String(step),
      `${((100 * loading.median * batch) / step.median).toFixed(1)} %`,
      `${(100 * waiting).toFixed(2)} %`,
    ]);
  }
  console.log(`${machine()}; ${steps} steps of ${batch} pairs, the first left out\n`);
  printTable(["transform", "loading of 4 alone", "one thread", "a step", "loading of a step", "a step waits"], rows);
} finally {
  rmSync(scratch, { recursive: true });
}

/** Noise over a gradient: JPEG files as large as those of photographs. */
async function makeImages(): Promise<void> {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const image = `${i}.jpg`;
    const noise = { type: "gaussian", mean: 90 + i, sigma: 30 } as const;
    await sharp({ create: { width: 640, height: 480, channels: 3, background: "black", noise } })
      .blur(1)
      .jpeg({ quality: 90 })
      .toFile(join(scratch, image));
    lines.push(JSON.stringify({ image, caption: `image number ${i} of a set that shows nothing but noise` }));
  }
  writeFileSync(join(scratch, "captions.jsonl"), lines.join("\n"));
}

/** Seconds an image. */
async function loadingAlone(key: TransformKey): Promise<Times> {
  const dataset = await openDataset(scratch);
  const threads = new ImageThreads({ threads: 1 });
  const transform = { key, image_size: 288 };
  const all = (seed: number) => () =>
    Promise.all(
      Array.from({ length: count }, (_, row) =>
        threads.process({ source: dataset.images(row)[0]!, transform, seed, labels: [row] }),
      ),
    );
  await all(0)();
  const rounds: number[] = [];
  for (let round = 1; round <= 3; round++) rounds.push((await timed(all(round))) / count);
  await threads.dispose();
  await dataset.close();
  return new Times(rounds);
}

async function run(train_transform: TransformKey): Promise<{ readonly step: Times; readonly waiting: number }> {
  const output = join(scratch, `run-${train_transform}`);
  await train({
    output,
    start: folder,
    data: { train: scratch },
    objectives: { itm: 1, mlm: 1 },
    image_size: 288,
    train_transform,
    batch_size: batch,
    learning_rate: 1e-5,
    max_steps: steps,
    max_text_len: 24,
    log_every_n_steps: 1,
    save_steps: steps,
  });
  const lines = (await readFile(join(output, "log.jsonl"), "utf8")).trimEnd().split("\n");
  const logged = lines.map((line) => JSON.parse(line) as { pairs_per_second: number; data_wait_share: number });
  rmSync(output, { recursive: true });
  // The first step waits for the threads to start and the graph to be compiled.
  const counted = logged.slice(1);
  const times = counted.map(({ pairs_per_second }) => batch / pairs_per_second);
  const total = times.reduce((sum, time) => sum + time, 0);
  return {
    step: new Times(times),
    waiting: counted.reduce((sum, { data_wait_share }, i) => sum + data_wait_share * times[i]!, 0) / total,
  };
}
