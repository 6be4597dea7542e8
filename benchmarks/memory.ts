/**
 * Memory of commands over many images, which must not grow with their number or size, and how long their event loop is blocked.
 *
 *   npm run bench:memory
 */
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { machine, printTable, runProcess, seconds } from "./measure.js";

const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const model = fileURLToPath(new URL("../models/emoji", import.meta.url));
/** Memory that many images may take more than few, in bytes. */
const maxMore = 600e6;
/** 99th percentile of the delay of the event loop, in ms. */
const maxDelay = 50;

interface Run {
  readonly name: string;
  readonly bytes: number;
  /** More than the run of few images, in bytes. */
  readonly more: number;
  readonly time: number;
  readonly delays: { readonly p99: number; readonly max: number };
}

const folder = mkdtempSync(join(tmpdir(), "bridgetower-memory-"));
const delayFile = join(folder, "delays.json");

/** Runs in the process that is measured: writes the delays of its event loop, in ms, to a file at the end. */
const recordDelays = `data:text/javascript,${encodeURIComponent(`
import { writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
process.on("exit", () => {
  const delays = { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 };
  writeFileSync(${JSON.stringify(delayFile)}, JSON.stringify(delays));
});`)}`;

async function run(name: string, few: Run | undefined, ...args: readonly string[]): Promise<Run> {
  const { privateBytes: bytes, seconds: time } = await runProcess(process.execPath, [
    "--import",
    recordDelays,
    cli,
    ...args,
  ]);
  const delays = JSON.parse(readFileSync(delayFile, "utf8")) as Run["delays"];
  return { name, bytes, more: few === undefined ? 0 : bytes - few.bytes, time, delays };
}

/** A folder with the same photo many times. */
async function photos(width: number, height: number, count: number): Promise<string> {
  const images = join(folder, `${count} of ${width} x ${height}`);
  mkdirSync(images);
  const noise = { type: "gaussian", mean: 128, sigma: 40 } as const;
  const first = join(images, "0.jpg");
  await sharp({ create: { width, height, channels: 3, background: "grey", noise } })
    .jpeg()
    .toFile(first);
  for (let i = 1; i < count; i++) linkSync(first, join(images, `${i}.jpg`));
  const row = (i: number) => JSON.stringify({ image: `${i}.jpg`, caption: `photo ${i}` });
  writeFileSync(join(images, "metadata.jsonl"), Array.from({ length: count }, (_, i) => `${row(i)}\n`).join(""));
  return images;
}

/** Three steps of a model that takes next to no time and memory itself, at the size of the published fine-tuned checkpoints. */
async function train(batch_size: number, few?: Run): Promise<Run> {
  const layers = { hidden_size: 64, num_attention_heads: 1, intermediate_size: 64 };
  const settings = {
    output: join(folder, `run ${batch_size}`),
    start: [],
    tokenizer: model,
    config: {
      ...layers,
      num_hidden_layers: 1,
      contrastive_form: "dual",
      text_config: { ...layers, vocab_size: 3000, num_hidden_layers: 2, max_position_embeddings: 40 },
      vision_config: { hidden_size: 64, num_hidden_layers: 2, patch_size: 32, image_size: 384 },
    },
    image_size: 384,
    data: { train: await photos(640, 480, batch_size) },
    objectives: { itm: 1 },
    max_text_len: 16,
    train_transform: "clip_randaug",
    batch_size,
    per_gpu_batchsize: 8,
    max_steps: 3,
    learning_rate: 1e-5,
    warmup_steps: 0,
  };
  const file = join(folder, `settings ${batch_size}.json`);
  writeFileSync(file, JSON.stringify(settings));
  return run(`train, batches of ${batch_size}, 384 px`, few, "train", file);
}

try {
  const runs: Run[] = [];
  for (const count of [1, 8, 64]) {
    const images = await photos(6000, 4000, count);
    runs.push(await run(`embed, ${count} of 24 MP`, runs[0], "embed", "--image", images, "--json"));
  }
  const data = await photos(6001, 4000, 8);
  const evaluate = ["evaluate", "--model", model, "--data", data, "--json"];
  runs.push(await run("evaluate, 8 of 24 MP", runs[0], ...evaluate));
  runs.push(await run("evaluate, 8 of 24 MP, vit", runs[0], ...evaluate, "--transform", "vit"));
  const few = await train(8);
  runs.push(few, await train(240, few));

  console.log(machine());
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  printTable(
    ["command", "private memory", "more than with few", "event loop delay p99", "max", "time"],
    runs.map(({ name, bytes, more, time, delays }) => [
      name,
      megabytes(bytes),
      megabytes(more),
      `${delays.p99.toFixed(1)} ms`,
      `${delays.max.toFixed(1)} ms`,
      seconds(time),
    ]),
  );
  for (const { name, more, delays } of runs) {
    if (more > maxMore) console.error(`${name}: expected at most ${megabytes(maxMore)} more than with few images`);
    if (delays.p99 > maxDelay) console.error(`${name}: expected an event loop delay of at most ${maxDelay} ms`);
    if (more > maxMore || delays.p99 > maxDelay) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
