/**
 * Memory of `bridgetower embed` over photos of 24 megapixels: it must not grow with their number.
 *
 *   npm run bench:memory -- [counts, default 1 8 64]
 */
import { linkSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { machine, printTable, runProcess, seconds } from "./measure.js";

const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const [width, height] = [6000, 4000];
/** More than one image may take. */
const maxMore = 600e6;

const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 8, 64];
const folder = mkdtempSync(join(tmpdir(), "bridgetower-memory-"));
try {
  const photo = join(folder, "photo.jpg");
  const noise = { type: "gaussian", mean: 128, sigma: 40 } as const;
  await sharp({ create: { width, height, channels: 3, background: "grey", noise } })
    .jpeg()
    .toFile(photo);
  const runs: { readonly count: number; readonly bytes: number; readonly time: number }[] = [];
  for (const count of counts) {
    const images = join(folder, `${count}`);
    mkdirSync(images);
    for (let i = 0; i < count; i++) linkSync(photo, join(images, `${i}.jpg`));
    const run = await runProcess(process.execPath, [cli, "embed", "--image", images, "--json"]);
    runs.push({ count, bytes: run.privateBytes, time: run.seconds });
  }
  console.log(machine());
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  printTable(
    ["photos", "private memory", "more than the first", "time"],
    runs.map(({ count, bytes, time }) => [
      `${count}`,
      megabytes(bytes),
      megabytes(bytes - runs[0]!.bytes),
      seconds(time),
    ]),
  );
  if (runs.some(({ bytes }) => bytes - runs[0]!.bytes > maxMore)) {
    console.error(`expected at most ${megabytes(maxMore)} more than ${runs[0]!.count}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
