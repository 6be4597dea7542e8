import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { InputError } from "../../errors.js";
import { decodeImage } from "../../processing/index.js";
import { Random } from "../../random/index.js";
import type { ImageSource } from "../dataset.js";
import { transformImage, transformToLevels } from "../transforms/transform-image.js";
import { type ImageJob, ImageThreads } from "./image-threads.js";

let folder: string;
let deadly: URL;
let counted: URL;
/** The folder in which each thread of `counted` leaves a file. */
let starts: string;
/** PNG files of different sizes and contents. */
let files: Uint8Array[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "images-"));
  files = await Promise.all(Array.from({ length: 6 }, (_, i) => png(40 + 7 * i, 60 - 5 * i)));
  // The real worker, but it throws for bytes that begin with 222, and after 221 it exits at the next call.
  const real = new URL("image-worker.js", import.meta.url).href;
  const source = `import { parentPort } from "node:worker_threads";
await import(${JSON.stringify(real)});
let doomed = false;
parentPort.on("message", ({ bytes }) => {
  if (bytes?.[0] === 222) throw new Error("out of room");
  if (doomed) process.exit(3);
  doomed = bytes?.[0] === 221;
});`;
  await writeFile(join(folder, "deadly-worker.mjs"), source);
  deadly = pathToFileURL(join(folder, "deadly-worker.mjs"));
  // The real worker, but each thread that starts leaves a file.
  starts = join(folder, "starts");
  await mkdir(starts);
  const counting = `import { writeFileSync } from "node:fs";
import { threadId } from "node:worker_threads";
writeFileSync(${JSON.stringify(starts)} + "/" + threadId, "");
await import(${JSON.stringify(real)});`;
  await writeFile(join(folder, "counted-worker.mjs"), counting);
  counted = pathToFileURL(join(folder, "counted-worker.mjs"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function png(width: number, height: number): Promise<Uint8Array> {
  const random = new Random(width);
  const raw = Uint8Array.from({ length: width * height * 3 }, () => random.below(256));
  return sharp(raw, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

const sourceOf = (bytes: Uint8Array, name = "in memory"): ImageSource => ({
  name,
  read: () => Promise.resolve(bytes),
});

const jobOf = (source: ImageSource, ...labels: (string | number)[]): ImageJob => ({
  source,
  transform: { key: "blip_randaug_wc", image_size: 32 },
  seed: 5,
  labels,
});

const jobs = () => files.map((bytes, i) => jobOf(sourceOf(bytes), "epoch", 1, i));

async function direct({ source, transform, seed, labels }: ImageJob) {
  return transformToLevels(await decodeImage(await source.read()), transform, new Random(seed).at(...labels));
}

async function withThreads<T>(
  options: { threads: number; worker?: URL },
  use: (threads: ImageThreads) => Promise<T>,
): Promise<T> {
  const threads = new ImageThreads(options);
  try {
    return await use(threads);
  } finally {
    await threads.dispose();
  }
}

test("results equal those of a direct call, for any number of threads and any order", async () => {
  const expected = await Promise.all(jobs().map(direct));
  const one = await withThreads({ threads: 1 }, (threads) => Promise.all(jobs().map((job) => threads.process(job))));
  const backwards = await withThreads({ threads: 3 }, (threads) =>
    Promise.all(
      jobs()
        .reverse()
        .map((job) => threads.process(job)),
    ),
  );
  expect(one).toEqual(expected);
  expect(backwards.reverse()).toEqual(expected);
  expect(expected[0]!.data).not.toEqual(expected[1]!.data);
  const { transform, seed, labels } = jobs()[0]!;
  const values = await transformImage(await decodeImage(files[0]!), transform, new Random(seed).at(...labels));
  expect(await one[0]!.normalised()).toEqual(values);
});

test("the bytes of the source are not transferred, also if they are part of a larger array", async () => {
  const larger = new Uint8Array(files[0]!.length + 20).fill(7);
  larger.set(files[0]!, 10);
  const part = larger.subarray(10, 10 + files[0]!.length);
  await withThreads({ threads: 1 }, async (threads) => {
    const whole = await threads.process(jobOf(sourceOf(files[0]!)));
    expect(await threads.process(jobOf(sourceOf(part)))).toEqual(whole);
    expect(await threads.process(jobOf(sourceOf(part)))).toEqual(whole);
  });
  expect(part).toEqual(new Uint8Array(files[0]!));
});

test("broken and vanished images are refused as a direct call would, and the thread lives on", async () => {
  const cut = sourceOf(files[1]!.subarray(0, 300), "cut.png");
  const line = sourceOf(await png(700, 1), "line.png");
  const reason = new InputError({
    code: "file-not-found",
    where: "gone.png",
    expected: "an image file",
    found: "no such file",
  });
  const gone: ImageSource = { name: "gone.png", read: () => Promise.reject(reason) };
  await withThreads({ threads: 1 }, async (threads) => {
    const large = { ...jobOf(line), transform: { key: "clip", image_size: 400 } } as const;
    const results = await Promise.allSettled([
      threads.process(jobOf(cut)),
      threads.process(large),
      threads.process(jobOf(gone)),
      threads.process(jobs()[2]!),
    ]);
    const reasons = results.map((result): unknown => (result.status === "rejected" ? result.reason : undefined));
    expect(reasons[0]).toBeInstanceOf(InputError);
    expect(reasons[0]).toMatchInlineSnapshot(
      `[InputError: cut.png: expected a complete PNG image, found damaged or truncated data. Fetch or save the file again.]`,
    );
    expect(reasons[1]).toMatchInlineSnapshot(
      `[InputError: line.png: expected an image of at most 100000000 pixels when its shorter side is resized to 400, found 700 x 1 pixels. Crop the image to a less extreme shape.]`,
    );
    expect(reasons[2]).toBe(reason);
    expect(results[3]).toEqual({ status: "fulfilled", value: await direct(jobs()[2]!) });
  });
});

test("a fault of the program is no fault of the image", async () => {
  await withThreads({ threads: 1 }, async (threads) => {
    const failed = threads.process(jobOf(sourceOf(files[0]!, "good.png"), 0.5));
    await expect(failed).rejects.toThrow("good.png: Random: the label 0.5 is no whole number");
    await expect(failed).rejects.not.toBeInstanceOf(InputError);
  });
});

test("a job that cannot be sent is no fault of the thread: it is refused at once, and the images beside it are decoded", async () => {
  let reads = 0;
  const source: ImageSource = {
    name: "good.png",
    read: () => {
      reads++;
      return Promise.resolve(files[0]!);
    },
  };
  const transform = { key: "blip", image_size: 32, hook: () => undefined } as ImageJob["transform"];
  await withThreads({ threads: 1, worker: counted }, async (threads) => {
    const [first, failed, second] = await Promise.allSettled([
      threads.process(jobs()[1]!),
      threads.process({ ...jobOf(source), transform }),
      threads.process(jobs()[2]!),
    ]);
    expect([first, second]).toMatchObject([{ status: "fulfilled" }, { status: "fulfilled" }]);
    const reason: unknown = failed.status === "rejected" ? failed.reason : undefined;
    expect(reason).toBeInstanceOf(Error);
    expect(reason).not.toBeInstanceOf(InputError);
    expect(reason).toHaveProperty("message", "good.png: () => undefined could not be cloned.");
    expect(reads).toBe(1);
    // The thread that decoded the others is the first one and still runs.
    await threads.process(jobs()[3]!);
  });
  expect(await readdir(starts)).toHaveLength(1);
});

test("an image that crashes its thread is retried once and then refused; the others succeed", async () => {
  let reads = 0;
  const killer: ImageSource = { name: "killer.png", read: () => Promise.resolve(Uint8Array.of(222, ++reads)) };
  const expected = await Promise.all(jobs().map(direct));
  await withThreads({ threads: 1, worker: deadly }, async (threads) => {
    const killed = threads.process(jobOf(killer)).catch((error: unknown) => error);
    const others = await Promise.all(jobs().map((job) => threads.process(job)));
    expect(others).toEqual(expected);
    expect(await killed).toBeInstanceOf(InputError);
    expect(await killed).toMatchInlineSnapshot(
      `[InputError: killer.png: expected an image that can be decoded and transformed, found an image that crashed two threads: out of room. Leave it out, shrink it, or free memory.]`,
    );
    expect(reads).toBe(2);
    expect(await threads.process(jobs()[3]!)).toEqual(expected[3]);
  });
});

test("the images of a crashed thread are retried one at a time", async () => {
  // Each of these two ends the thread only for the other.
  const shy = sourceOf(Uint8Array.of(221), "shy.png");
  await withThreads({ threads: 1, worker: deadly }, async (threads) => {
    const results = await Promise.allSettled([threads.process(jobOf(shy)), threads.process(jobs()[0]!)]);
    expect(results[0]).toMatchObject({ reason: { code: "unsupported-format", where: "shy.png", expected: /PNG/ } });
    expect(results[1]).toEqual({ status: "fulfilled", value: await direct(jobs()[0]!) });
  });
});

test("at most two images a thread are read at a time", async () => {
  let reading = 0;
  let most = 0;
  const counted = (bytes: Uint8Array): ImageSource => ({
    name: "counted",
    read: async () => {
      most = Math.max(most, ++reading);
      await new Promise(setImmediate);
      reading--;
      return bytes;
    },
  });
  await withThreads({ threads: 1 }, (threads) =>
    Promise.all([...files, ...files].map((bytes) => threads.process(jobOf(counted(bytes))))),
  );
  expect(most).toBe(2);
});

test("await using ends the threads", async () => {
  let used: ImageThreads;
  {
    await using threads = new ImageThreads({ threads: 1 });
    used = threads;
    await threads.process(jobs()[0]!);
  }
  await expect(used.process(jobs()[0]!)).rejects.toMatchObject({ code: "disposed" });
});

test("dispose() rejects current, waiting and later images", async () => {
  const threads = new ImageThreads({ threads: 1 });
  const results = Promise.allSettled(jobs().map((job) => threads.process(job)));
  await threads.dispose();
  for (const result of await results) {
    expect(result).toMatchObject({ status: "rejected", reason: { code: "disposed", where: "images" } });
  }
  await expect(threads.process(jobs()[0]!)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[InputError: images: expected open image threads, found threads that were disposed of. Call dispose() after the last image.]`,
  );
  await threads.dispose();
});

test("an aborted signal rejects with its reason before a call, while it waits and while the image is decoded; other images are not affected", async () => {
  const reason = new Error("stopped");
  await withThreads({ threads: 1 }, async (threads) => {
    await expect(threads.process(jobs()[0]!, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const stop = new AbortController();
    const stopped = jobs().map((job) => threads.process(job, { signal: stop.signal }));
    const other = threads.process(jobs()[1]!);
    stop.abort(reason);
    for (const result of await Promise.allSettled(stopped)) expect(result).toEqual({ status: "rejected", reason });
    expect(await other).toEqual(await direct(jobs()[1]!));
  });
});

test("zero threads, and options that do not exist, are refused", () => {
  expect(() => new ImageThreads({ thread: 2 } as object)).toThrow(
    'ImageThreads: expected one of the options threads, cores, worker, found "thread"',
  );
  expect(() => new ImageThreads({ threads: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[InputError: threads: expected a whole number, 1 or more, found 0.]`,
  );
});

test("neither idle nor ended threads keep the process running", async () => {
  await writeFile(join(folder, "image.png"), files[0]!);
  const script = `import { readFile } from "node:fs/promises";
import { ImageThreads } from ${JSON.stringify(new URL("image-threads.ts", import.meta.url).href)};
const job = { source: { name: "image", read: () => readFile(${JSON.stringify(join(folder, "image.png"))}) },
  transform: { key: "blip", image_size: 16 }, seed: 1, labels: [] };
const idle = new ImageThreads({ threads: 2 });
const ended = new ImageThreads({ threads: 1 });
await idle.process(job);
await ended.process(job);
await ended.dispose();
process.stdout.write("done");`;
  await writeFile(join(folder, "process.mts"), script);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--import", import.meta.resolve("tsx"), join(folder, "process.mts")],
    { timeout: 30_000 },
  );
  expect(stdout).toBe("done");
});
