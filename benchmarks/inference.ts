/**
 * Speed and memory of inference, compared with transformers on the same weights in the same run.
 *
 *   npm run bench                    base size
 *   npm run bench -- large           large size (needs about 10 GB of memory for the reference)
 *   PYTHON=venv/bin/python npm run bench
 *
 * Without Python, torch and transformers, only this package's own times are printed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import type * as bridgetower from "bridgetower";
import {
  alternate,
  LineServer,
  machine,
  printTable,
  randomCheckpoint,
  runProcess,
  seconds,
  timed,
  Times,
  type Sides,
} from "./measure.js";
import { costPlot } from "./cost-plot.js";

const root = fileURLToPath(new URL("..", import.meta.url));
// What is measured is the built package; lint and types must do without it.
const built = new URL("../dist/index.js", import.meta.url).href;
const { BridgeTower } = (await import(built)) as typeof bridgetower;
const size = process.argv[2] ?? "base";
const folder = randomCheckpoint(size);
const python = process.env.PYTHON ?? "python3";
const images = await imagePaths(16);
// 16 texts of about 20 tokens with the made-up vocabulary, each different.
const texts = images.map(
  (_, i) => `a photo of some ${["cats", "dogs", "cars", "trees"][i % 4]!} near house number ${i + 10}`,
);

const hasReference = spawnSync(python, ["-c", "import torch, transformers, PIL"]).status === 0;
const reference = hasReference ? new LineServer(python, [join(root, "benchmarks/reference.py"), folder]) : undefined;
const versions =
  reference === undefined ? "no reference: torch and transformers not found" : JSON.stringify(await reference.next());
console.log(`${machine()}\n${versions}\n`);

interface Answer {
  readonly seconds: number;
  readonly result: unknown;
}
const ask = async (run: "match" | "embed", askedImages: readonly string[], askedTexts: readonly string[]) =>
  (await reference!.ask({ run, images: askedImages, texts: askedTexts })) as Answer;

const rows: string[][] = [];
const report = (what: string, ours: Times | string, theirs?: Times | string, ratio?: number) =>
  rows.push([
    what,
    String(ours),
    theirs === undefined ? "–" : String(theirs),
    ratio === undefined ? "–" : `${ratio.toFixed(2)}×`,
  ]);
const compare = (what: string, { ours, theirs }: Sides) =>
  report(what, ours, theirs, theirs === undefined ? undefined : theirs.median / ours.median);

const model = await BridgeTower.fromPretrained(folder, { prepackText: true });
const [image, text] = [images[0]!, texts[0]!];

// Checks that both give equal numbers before it measures time.
if (reference !== undefined) {
  const ours = await model.match(images.slice(0, 2), texts.slice(0, 2));
  const { result } = await ask("match", images.slice(0, 2), texts.slice(0, 2));
  const theirs = result as number[][];
  const difference = [0, 3].map((pair, i) =>
    Math.max(...[0, 1].map((k) => Math.abs(ours[pair]!.logits[k]! - theirs[i]![k]!))),
  );
  console.log(`largest difference of a logit: ${Math.max(...difference).toExponential(1)}`);
  if (Math.max(...difference) > 1e-3) throw new Error("the two sides give different numbers");
}

const theirPair = async () => (await ask("match", [image], [text])).seconds;
const whenCompared = (run: () => Promise<number>) => (reference === undefined ? undefined : run);
compare("one pair", await alternate(7, () => timed(() => model.match([image], [text])), whenCompared(theirPair)));

const grid = new Times([await timed(() => model.match(images, texts)), await timed(() => model.match(images, texts))]);
if (reference === undefined) report("16 × 16 pairs", grid);
else {
  const single = new Times(await repeat(3, theirPair));
  report(
    "16 × 16 pairs, reference one at a time",
    grid,
    `256 × ${seconds(single.median)}`,
    (256 * single.median) / grid.median,
  );
  const perPair: { batch: number; time: Times }[] = [];
  for (const batch of size === "base" ? [2, 4, 8, 16] : [2, 4]) {
    const times = await repeat(
      3,
      async () => (await ask("match", images.slice(0, batch), texts.slice(0, batch))).seconds / batch,
    );
    perPair.push({ batch, time: new Times(times) });
  }
  const best = perPair.reduce((a, b) => (b.time.median < a.time.median ? b : a));
  const label = `256 × ${seconds(best.time.median)} (batch ${best.batch})`;
  report("16 × 16 pairs, reference in its best batch", grid, label, (256 * best.time.median) / grid.median);
}

const theirEmbedding = whenCompared(async () => (await ask("embed", [image], [text])).seconds);
const embedText = await alternate(7, () => timed(() => model.embedText([text])), theirEmbedding);
compare("text embedding (reference: with a dummy image)", embedText);
const embedImage = await alternate(5, () => timed(() => model.embedImage([image])), theirEmbedding);
compare("image embedding (reference: with a dummy text)", embedImage);

const cost = await costSweep();
await model.dispose();
reference?.close();

const memory = { ours: 0, theirs: 0 };
const ourArguments = ["match", "--model", folder, "--image", image, "--text", text, "--json"];
/** The system may drop cached pages at any time: the question is about a file that is in the page cache. */
const cacheWeights = () => runProcess("cat", [join(folder, "model.safetensors")], "ignore");
const startUp = await alternate(
  7,
  async () => {
    await cacheWeights();
    const run = await runProcess(process.execPath, [join(root, "bin/bridgetower.js"), ...ourArguments]);
    memory.ours = Math.max(memory.ours, run.privateBytes);
    return run.seconds;
  },
  whenCompared(async () => {
    await cacheWeights();
    const run = await runProcess(python, [join(root, "benchmarks/reference.py"), folder, image, text]);
    memory.theirs = Math.max(memory.theirs, run.privateBytes);
    return run.seconds;
  }),
);
compare("start of the process to its answer, file cached", startUp);
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
report(
  "private memory of that process, peak",
  megabytes(memory.ours),
  reference && megabytes(memory.theirs),
  reference && memory.theirs / memory.ours,
);

console.log("");
printTable([`${size} size, float32`, "bridgetower", "transformers", "ratio"], rows);
console.log(`\ncost of a grid: ${cost}`);

async function repeat(times: number, run: () => Promise<number>): Promise<number[]> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) taken.push(await run());
  return taken;
}

/** Time against N·vision + M·text + N·M·fusion, with the three costs measured alone; draws docs/cost-<size>.svg. */
async function costSweep(): Promise<string> {
  const grids = [
    [1, 1],
    [1, 4],
    [4, 1],
    [2, 4],
    [4, 4],
    [1, 16],
    [4, 8],
    [8, 8],
  ] as const;
  const points: { images: number; texts: number; seconds: number }[] = [];
  for (const [n, m] of grids) {
    const run = () => timed(() => model.match(images.slice(0, n), texts.slice(0, m)));
    // The faster of two: a machine that is busy with something else only ever adds.
    const time = Math.min(await run(), await run());
    points.push({ images: n, texts: m, seconds: time });
  }
  const { vision, textCost, fusion, worst, svg } = costPlot(points, size);
  writeFileSync(join(root, `docs/cost-${size}.svg`), svg);
  return `N · ${seconds(vision)} + M · ${seconds(textCost)} + N·M · ${seconds(fusion)}, largest deviation ${(worst * 100).toFixed(0)} %`;
}

/** Smooth coloured noise as 640 × 480 JPEG files: something to decode and resize, without a licence. */
async function imagePaths(count: number): Promise<string[]> {
  const target = join(root, ".bench/images");
  mkdirSync(target, { recursive: true });
  const paths: string[] = [];
  for (let i = 0; i < count; i++) {
    const path = join(target, `${i}.jpg`);
    paths.push(path);
    if (existsSync(path)) continue;
    const pixels = Buffer.from(
      Array.from({ length: 12 * 9 * 3 }, (_, k) => Math.imul(k * 31 + i * 7919 + 1, 0x9e3779b1) >>> 24),
    );
    await sharp(pixels, { raw: { width: 12, height: 9, channels: 3 } })
      .resize(640, 480)
      .jpeg()
      .toFile(path);
  }
  return paths;
}
