/**
 * Memory of `bridgetower embed` over photos of 24 megapixels, which must not grow with their number, and how long its event loop is blocked.
 *
 *   npm run bench:memory -- [counts, default 1 8 64]
 */
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { machine, printTable, runProcess, seconds } from "./measure.js";

const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const [width, height] = [6000, 4000];
/** Memory that many images may take more than one, in bytes. */
const maxMore = 600e6;
/** 99th percentile of the delay of the event loop, in ms. */
const maxDelay = 50;

/** Runs in the process that is measured: writes the delays of its event loop, in ms, to a file at the end. */
const recordDelays = (file: string) =>
  `data:text/javascript,${encodeURIComponent(`
import { writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
process.on("exit", () => {
  writeFileSync(${JSON.stringify(file)}, JSON.stringify({ p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }));
});`)}`;

const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 8, 64];
const folder = mkdtempSync(join(tmpdir(), "bridgetower-memory-"));
try {
  const photo = join(folder, "photo.jpg");
  const noise = { type: "gaussian", mean: 128, sigma: 40 } as const;
  await sharp({ create: { width, height, channels: 3, background: "grey", noise } })
    .jpeg()
    .toFile(photo);
  const delayFile = join(folder, "delays.json");
  const runs: { count: number; bytes: number; time: number; delays: { p99: number; max: number } }[] = [];
  for (const count of counts) {
    const images = join(folder, `${count}`);
    mkdirSync(images);
    for (let i = 0; i < count; i++) linkSync(photo, join(images, `${i}.jpg`));
    const run = await runProcess(process.execPath, [
      "--import",
      recordDelays(delayFile),
      cli,
      ...["embed", "--image", images, "--json"],
    ]);
    const delays = JSON.parse(readFileSync(delayFile, "utf8")) as { p99: number; max: number };
    runs.push({ count, bytes: run.privateBytes, time: run.seconds, delays });
  }
  console.log(machine());
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  printTable(
    ["photos", "private memory", "more than the first", "event loop delay p99", "max", "time"],
    runs.map(({ count, bytes, time, delays }) => [
      `${count}`,
      megabytes(bytes),
      megabytes(bytes - runs[0]!.bytes),
      `${delays.p99.toFixed(1)} ms`,
      `${delays.max.toFixed(1)} ms`,
      seconds(time),
    ]),
  );
  if (runs.some(({ bytes }) => bytes - runs[0]!.bytes > maxMore)) {
    console.error(`expected at most ${megabytes(maxMore)} more than ${runs[0]!.count}`);
    process.exitCode = 1;
  }
  if (runs.some(({ delays }) => delays.p99 > maxDelay)) {
    console.error(`expected an event loop delay of at most ${maxDelay} ms in 99 of 100 turns`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
