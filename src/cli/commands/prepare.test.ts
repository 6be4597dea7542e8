import { link, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PrepareReport } from "../../data/index.js";
import { documentOf, runCli, spawnCli } from "../run-cli.test-support.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bridgetower-cli-prepare-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Flickr30K with equal images of `side` pixels; `gone` more are missing. */
async function flickr(count: number, side: number, gone = 0): Promise<readonly string[]> {
  const source = join(folder, "source");
  await mkdir(join(source, "flickr30k-images"), { recursive: true });
  const images = Array.from({ length: count + gone }, (_, i) => ({
    filename: `${i}.jpg`,
    split: i === 0 ? "val" : "train",
    sentences: [{ raw: "a" }, { raw: "b" }],
  }));
  await writeFile(join(source, "dataset_flickr30k.json"), JSON.stringify({ images }));
  const create = { width: side, height: side, channels: 3, background: "teal" } as const;
  const first = join(source, "flickr30k-images", "0.jpg");
  await sharp({ create }).png().toFile(first);
  for (let i = 1; i < count; i++) await link(first, join(source, "flickr30k-images", `${i}.jpg`));
  return ["prepare", "f30k", "--source", source, "--out", join(folder, "out")];
}

test("prints a table of files and of skipped images with reasons, then of existing files", async () => {
  const command = await flickr(4, 8, 1);
  const args = [...command, "--split", "val", "--split", "train"];
  const { code, stdout, stderr } = await runCli(args);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toBe(
    [
      "file                               images  texts  left out",
      "f30k_caption_karpathy_train.arrow       3      6         1  written",
      "f30k_caption_karpathy_val.arrow         1      2         0  written",
      "f30k_caption_karpathy_train.arrow: left out 1",
      "  4.jpg: not there",
      "",
    ].join("\n"),
  );
  const report = documentOf<PrepareReport>(await runCli([...args, "--json"]));
  expect(report.tables.map(({ rows, kept }) => [rows, kept])).toEqual([
    [3, true],
    [1, true],
  ]);
});

test("Ctrl-C removes the unfinished file and says how to resume", async () => {
  const args = await flickr(150, 1500);
  const child = spawnCli([...args, "--split", "train"]);
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise((resolve) => child.on("close", (_, signal) => resolve(signal)));
  const unfinished = async () => (await readdir(join(folder, "out")).catch(() => [])).some((name) => /tmp$/.test(name));
  while (!(await unfinished())) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill("SIGINT");
  expect(await ended).toBe("SIGINT");
  expect(stderr).toContain("the same command resumes after them");
  expect(await readdir(join(folder, "out"))).toEqual([]);
}, 30_000);

test.each([
  [["prepare", "f30k", "--out", "x"], 2, "no --source"],
  [["prepare", "f31k", "--source", ".", "--out", "x"], 1, "The nearest is f30k"],
  [["prepare", "coco", "--source", ".", "--out", "x"], 1, "one of karpathy/dataset_coco.json, dataset_coco.json"],
  [["prepare", "cc", "--source", ".", "--out", "x", "--shard-size", "0"], 2, "a whole number"],
])("%j exits with %d", async (args, code, message) => {
  const result = await runCli(args);
  expect([result.code, result.stdout]).toEqual([code, ""]);
  expect(result.stderr).toContain(message);
  expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("the help names every data set", async () => {
  const { preparedSplits } = await import("../../data/index.js");
  const { stdout } = await runCli(["prepare", "--help"]);
  for (const [name, splits] of Object.entries(preparedSplits)) {
    expect(stdout).toMatch(new RegExp(`^  ${name} +${splits.join(", ")}`, "m"));
  }
});
