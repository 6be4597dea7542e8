/** Runs over many images and texts: broken files, documents that are written as they come, interruptions. */
import { once } from "node:events";
import { cp, link, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { documentOf, runCli, spawnCli } from "../run-cli.test-support.js";

const fox = "examples/images/000.png";
const razor = "examples/images/003.png";
let folder: string;
let broken: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bridgetower-embed-"));
  broken = join(folder, "m.jpg");
  await cp(fox, join(folder, "a.png"));
  await cp(razor, join(folder, "z.png"));
  await writeFile(broken, (await readFile("src/processing/fixtures/coffee.jpg")).subarray(0, 900));
});
afterAll(() => rm(folder, { recursive: true }));

interface Embeddings {
  readonly images: readonly { readonly image: string; readonly embedding: readonly number[] }[];
  readonly texts: readonly { readonly text: string }[];
  readonly pairs?: readonly { readonly image: string; readonly text: string; readonly embedding: readonly number[] }[];
}

interface Scores {
  readonly scores: readonly { readonly image: string; readonly text: string; readonly probability: number }[];
}

const embeddingsOf = async (...args: readonly string[]) =>
  documentOf<Embeddings>(await runCli(["embed", ...args, "--json"]));
const line = /^bridgetower: .*m\.jpg: expected a complete JPEG image[^\n]*\n$/;

test("embed over a folder with a broken image: the others, a line for the broken one, exit code 1", async () => {
  const whole = await embeddingsOf("--image", fox, "--image", razor);
  const { code, stdout, stderr } = await runCli(["embed", "--image", folder, "--json"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(line);
  const { images } = JSON.parse(stdout) as Embeddings;
  expect(images.map(({ image }) => image)).toEqual([join(folder, "a.png"), join(folder, "z.png")]);
  expect(images.map(({ embedding }) => embedding)).toEqual(whole.images.map(({ embedding }) => embedding));
});

test("match over a folder with a broken image: scores of the others under their own names", async () => {
  const texts = ["--text", "an angel", "--text", "a razor"];
  const whole = documentOf<Scores>(await runCli(["match", "--image", fox, "--image", razor, ...texts, "--json"]));
  const [json, table, column] = await Promise.all([
    runCli(["match", "--image", folder, ...texts, "--json"]),
    runCli(["match", "--image", folder, ...texts]),
    runCli(["match", "--image", folder, "--text", "a razor"]),
  ]);
  for (const { code, stderr } of [json, table, column]) {
    expect(code).toBe(1);
    expect(stderr).toMatch(line);
  }
  const names = new Map([
    [fox, join(folder, "a.png")],
    [razor, join(folder, "z.png")],
  ]);
  expect(JSON.parse(json.stdout)).toEqual({
    scores: whole.scores.map((score) => ({ ...score, image: names.get(score.image) })),
  });
  expect(table.stdout.split("\n").filter((row) => row.startsWith("/"))).toEqual([...names.values()]);
  expect(column.stdout.match(/\S+\.(?:png|jpg)/g)?.sort()).toEqual([...names.values()]);
});

test("embed --pairs with a broken image: the pairs of the others, and each broken image is named once", async () => {
  const args = ["--image", broken, "--image", fox, "--text", "a fox", "--text", "an angel and a fox"];
  const { code, stdout, stderr } = await runCli(["embed", ...args, "--pairs", "--json"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(line);
  const { images, texts, pairs } = JSON.parse(stdout) as Embeddings;
  expect([images.length, texts.length]).toEqual([1, 2]);
  const alone = await embeddingsOf("--image", fox, "--text", "an angel and a fox", "--pairs");
  expect(pairs).toEqual(alone.pairs);
});

test.each(["embed", "match"])("%s without an image that can be read prints no results", async (command) => {
  const text = command === "match" ? ["--text", "x"] : [];
  const { code, stdout, stderr } = await runCli([command, "--image", broken, "--image", broken, ...text, "--json"]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr.split("\n")).toHaveLength(3);
});

test("embed --pairs says once that texts were cut", async () => {
  const { code, stderr } = await runCli(["embed", "--image", fox, "--text", "word ".repeat(1500), "--pairs"]);
  expect([code, stderr]).toEqual([0, "bridgetower: warning: the text was cut to 64 tokens, the limit of the model\n"]);
});

test("a value that is the name of a flag is taken after an equals sign", async () => {
  const { texts } = await embeddingsOf("--text=--json", "--text=--image", "--text=a=b");
  expect(texts.map(({ text }) => text)).toEqual(["--json", "--image", "a=b"]);
});

test("the texts of a long list are in its order", async () => {
  const list = Array.from({ length: 1500 }, (_, i) => `${"very ".repeat(i % 3)}good text ${i % 7}`);
  const { texts } = documentOf<Embeddings>(
    await runCli(["embed", "--text", "-", "--json"], { stdin: `${list.join("\n")}\n` }),
  );
  expect(texts.map(({ text }) => text)).toEqual(list);
});

/** Runs a command and interrupts it at its first output: the first results are written while the others are not computed yet. */
async function interrupted(args: readonly string[], stdin = "") {
  const child = spawnCli(args);
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdout.on("data", (chunk: Buffer) => {
    if (stdout.push(chunk) === 1) child.kill("SIGINT");
  });
  child.stdin.end(stdin);
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  expect(signal).toBe("SIGINT");
  return {
    document: JSON.parse(Buffer.concat(stdout).toString()) as unknown,
    stderr: Buffer.concat(stderr).toString(),
  };
}

test("Ctrl-C keeps the embeddings that were written, as a complete document", async () => {
  const count = 20_000;
  const { document, stderr } = await interrupted(
    ["embed", "--text", "-", "--json"],
    "a fox left of a moose\n".repeat(count),
  );
  const { texts } = document as Embeddings;
  expect(texts.length).toBeGreaterThan(0);
  expect(texts.length).toBeLessThan(count);
  expect(stderr).toBe(`bridgetower: interrupted: ${texts.length} of ${count} embeddings were written\n`);
});

test("Ctrl-C keeps the scores that were written, as a complete document", async () => {
  const count = 2000;
  const images = join(folder, "many");
  await mkdir(images);
  for (let i = 0; i < count; i++) await link(join(folder, "a.png"), join(images, `${i}.png`));
  const { document, stderr } = await interrupted([
    "match",
    "--image",
    images,
    "--text",
    "a fox",
    "--text",
    "x",
    "--json",
  ]);
  const { scores } = document as Scores;
  expect(scores.length).toBeGreaterThan(0);
  expect(scores.length).toBeLessThan(2 * count);
  expect(stderr).toBe(`bridgetower: interrupted: ${scores.length} of ${2 * count} scores were written\n`);
});
