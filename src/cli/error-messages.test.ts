/** User errors: one line with a hint, and exit code 2 for usage or 1 for input. */
import { once } from "node:events";
import { cp, mkdtemp, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli, runShell, spawnCli, type CliResult } from "./run-cli.test-support.js";

const image = "examples/images/000.png";
const pair = ["--image", image, "--text", "a fox"];

function expectLine({ code, stdout, stderr }: CliResult, expected: number, words: RegExp): void {
  expect(stderr).toMatch(/^bridgetower: [^\n]+\n$/);
  expect(stderr).toMatch(words);
  expect(code).toBe(expected);
  expect(stdout).toBe("");
}

describe("usage", () => {
  test.each<[string, string[], RegExp]>([
    ["no command", [], /expected a command: match, fill-mask/],
    ["an unknown command", ["mach"], /unknown command 'mach' \(Did you mean match\?\)/],
    ["an unknown flag", ["match", "--imge", image], /unknown option '--imge' \(Did you mean --image\?\)/],
    ["a stray argument", ["match", "--image", image, "b.png", "--text", "x"], /too many arguments.*Repeat the flag/],
    ["missing flags", ["match", "--image", image], /match: expected --image and --text, found no --text/],
    ["a flag without value", ["match", "--image", image, "--text"], /'--text <text>' argument missing/],
    ["a flag for a value", ["match", "--image", image, "--text", "--json"], /--text: expected a value.*--json/],
    ["a repeated flag", ["match", ...pair, "--model", "a", "--model", "b"], /--model: expected a single value/],
    ["a repeated image", ["encode", "--image", "a", ...pair, "--out", "x"], /--image: expected a single value/],
    ["threads in words", ["match", ...pair, "--threads", "x"], /--threads: expected a whole number, from 1 to 1024/],
    ["too many threads", ["match", ...pair, "--threads", "1025"], /--threads: .*found "1025"/],
    ["an unknown device", ["match", ...pair, "--device", "gpu"], /--device: expected one of cpu, .*found "gpu"/],
    ["a device that is mistyped", ["match", ...pair, "--device", "cudaa"], /--device: .*The nearest is cuda/],
    [
      "an option of other commands",
      ["preprocess", ...pair, "--out", "x", "--threads", "1"],
      /unknown option '--threads'/,
    ],
    ["a device for export", ["export", "--out", "x", "--device", "cpu"], /unknown option '--device'/],
    ["no candidates", ["fill-mask", ...pair, "--top-k", "0"], /--top-k: expected a whole number, 1 or more/],
    ["no question", ["answer", "--image", image], /answer: expected --image and --question, found no --question/],
    ["a second question", ["answer", "--image", image, "--question", "a", "--question", "b"], /--question: .*twice/],
    ["no answers", ["answer", "--image", image, "--question", "a", "--top-k", "0"], /--top-k: expected a whole number/],
    ["no hypothesis", ["entail", "--image", image], /entail: expected --image and --hypothesis/],
    [
      "one image to compare",
      ["compare", "--image", image, "--statement", "a"],
      /--image: expected two images to compare, found 1\. Give --image twice/,
    ],
    [
      "three images to compare",
      ["compare", ...["a", "b", "c"].flatMap((image) => ["--image", image]), "--statement", "a"],
      /--image: expected two images to compare, found 3/,
    ],
    ["nothing to embed", ["embed"], /embed: expected images or texts/],
    [
      "help of an unknown command",
      ["help", "mach"],
      /help: expected a command: match, .*found "mach"\. The nearest is match/,
    ],
    ["nowhere to convert to", ["convert", "x.ckpt"], /missing required argument 'out'/],
    ["a model flag for convert", ["convert", "x.ckpt", "out", "--model", "y"], /unknown option '--model'/],
    [
      "an unknown type to convert to",
      ["convert", "x.ckpt", "out", "--dtype", "fp16"],
      /--dtype: expected one of float16, bfloat16, float32, found "fp16"/,
    ],
    ["half a pair", ["embed", "--image", image, "--pairs"], /--pairs: .*images: 1, texts: 0/],
    ["nothing to preprocess", ["preprocess", "--out", "x"], /preprocess: expected an image or a text/],
    [
      "standard input twice",
      ["match", "--image", image, "--text", "-", "--text", "-"],
      /--text: expected at most one -/,
    ],
  ])("%s", async (_, args, words) => {
    expectLine(await runCli(args), 2, words);
  });

  test("a flag as the value of another, written with =", async () => {
    const { code, stderr, stdout } = await runCli(["match", "--image", image, "--text=--json"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("--json");
  });

  test("an argument that is not UTF-8", async () => {
    expectLine(await runShell(`exec "$@" embed --text "$(printf 'a\\377')"`), 2, /expected arguments in UTF-8/);
  });

  test.runIf(process.platform === "linux")("an argument with U+FFFD itself is accepted", async () => {
    expectLine(await runCli(["embed", "--image", "a\ufffd.png"]), 1, /a\ufffd\.png: expected an image file/);
  });
});

describe("input", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "bridgetower-cli-"));
    await mkdir(join(folder, "folder.png"));
    await symlink("/dev/null", join(folder, "device"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each<[string, (folder: string) => string[], RegExp]>([
    ["no such image", () => ["match", "--image", "no.png", "--text", "x"], /no\.png: expected an image file/],
    ["no image", () => ["embed", "--image", "package.json"], /package\.json: expected a PNG.* image/],
    ["a folder without images", (at) => ["embed", "--image", at], /expected a folder with images/],
    ["a folder for one image", () => ["encode", "--image", "src", "--text", "", "--out", "x"], /src: .*found a folder/],
    ["no such model", () => ["match", ...pair, "--model", "nowhere"], /nowhere: expected a model folder/],
    ["a text without <mask>", () => ["fill-mask", ...pair], /expected a <mask> to fill/],
    [
      "a model without the head",
      () => ["entail", "--model", "fixtures/data/files/itm-mlm-float16", "--image", image, "--hypothesis", "x"],
      /the heads snli .* 6 missing \(snli_classifier\.0\.weight.* name one that has it\./,
    ],
    ["a folder as output", (at) => ["encode", ...pair, "--out", at], /--out: expected a file to write/],
    ["a folder's name as output", (at) => ["encode", ...pair, "--out", `${at}/x/`], /--out: expected a file to write/],
    ["no folder for output", (at) => ["encode", ...pair, "--out", `${at}/no/x`], /Create the folder .*no first/],
    ["an empty name", () => ["match", "--image", "", "--text", "x"], /image: expected the name of a file/],
    ["a file as model", () => ["match", ...pair, "--model", image], /000\.png: expected a model folder, .*a file/],
    ["a device as output", (at) => ["preprocess", ...pair, "--out", `${at}/device`], /which is not a regular file/],
    ["a file for a folder", () => ["export", "--out", "package.json"], /--out: expected a folder/],
    ["a file to convert into", () => ["convert", "x.ckpt", "package.json"], /<out>: expected a folder/],
    ["no checkpoint to convert", (at) => ["convert", "no.ckpt", `${at}/new`], /no\.ckpt: .*found no such file/],
    [
      "a text to convert",
      (at) => ["convert", "package.json", `${at}/new`],
      /package\.json: expected a file written by torch\.save/,
    ],
    ["a name that steers", () => ["embed", "--image", "\u001b[2J\u009b\n"], /\\u001b\[2J\\u009b\\(n|u000a): expected/],
  ])("%s", async (_, args, words) => {
    expectLine(await runCli(args(folder)), 1, words);
    expect((await readdir(folder)).sort()).toEqual(["device", "folder.png"]);
  });

  test("standard input that is empty, not UTF-8, or has too many lines", async () => {
    const [none, bytes, lines] = await Promise.all([
      runCli(["embed", "--text", "-"]),
      runCli(["embed", "--text", "-"], { stdin: Uint8Array.of(0x61, 0xff) }),
      runCli(["fill-mask", "--image", image, "--text", "-"], { stdin: "a <mask>\na <mask>\n" }),
    ]);
    expectLine(none, 1, /standard input: expected texts, one per line, found none/);
    expectLine(bytes, 1, /standard input: expected texts in UTF-8/);
    expectLine(lines, 1, /standard input: expected a single line.*found 2/);
  });

  test("a truncated image: no file is left", async () => {
    const broken = join(folder, "broken");
    await mkdir(broken);
    await writeFile(join(broken, "a.png"), Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10));
    const args = ["preprocess", "--image", join(broken, "a.png"), "--out", join(broken, "x")];
    expectLine(await runCli(args), 1, /a\.png: expected a complete PNG image/);
    expect(await readdir(broken)).toEqual(["a.png"]);
    await rm(broken, { recursive: true });
  });
});

describe("environment", () => {
  test("a text that fills the command line", async () => {
    const { code, stderr } = await runCli(["embed", "--text", "x".repeat(30_000)]);
    expect([code, stderr]).toEqual([
      0,
      "bridgetower: warning: the text was cut to 64 tokens, the limit of the model\n",
    ]);
  });

  test("a broken tokenizer, found while the model is being compiled", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bridgetower-cli-"));
    await cp("models/emoji", folder, { recursive: true });
    await writeFile(join(folder, "tokenizer.json"), "{}");
    const runs = await Promise.all([1, 2, 3].map(() => runCli(["match", ...pair, "--model", folder])));
    for (const run of runs) expectLine(run, 1, /tokenizer\.json: expected/);
    await rm(folder, { recursive: true });
  });

  test("an output whose name has the maximum length", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bridgetower-cli-"));
    const name = "x".repeat(255);
    const { code } = await runCli(["preprocess", "--text", "a fox", "--out", join(folder, name)]);
    expect(code).toBe(0);
    expect(await readdir(folder)).toEqual([name]);
    const longer = await runCli(["preprocess", "--text", "a fox", "--out", join(folder, `${name}x`)]);
    expectLine(longer, 1, /expected a file that can be written, found a path that is too long/);
    expect(await readdir(folder)).toEqual([name]);
    await rm(folder, { recursive: true });
  });

  const breaking = "data:text/javascript,process.stdout.write=()=>{throw%20new%20Error('boom')}";

  test("an internal error is one line; its stack is shown on request", async () => {
    const [plain, debug] = await Promise.all([
      runCli(["embed", "--text", "x"], { env: { NODE_OPTIONS: `--import ${breaking}` } }),
      runCli(["embed", "--text", "x"], { env: { NODE_OPTIONS: `--import ${breaking}`, DEBUG: "bridgetower" } }),
    ]);
    expectLine(plain, 1, /internal error: boom\. This is a bug: please report it/);
    expect(debug.stderr).toContain("\n    at ");
  });

  test.runIf(process.platform === "linux")("a full disk under standard output", async () => {
    expectLine(await runShell(`exec "$@" --help >/dev/full`), 1, /standard output: .*ENOSPC/);
  });

  test("a reader that closes the pipe", async () => {
    // The reader ends before the command writes, in any order of their start.
    const { code, stderr } = await runShell(`{ "$@" embed --text - --json; echo "code $?" >&2; } | true`, {
      stdin: "a fox\n".repeat(2000),
    });
    expect(code).toBe(0);
    expect(stderr).toBe("code 0\n");
  });

  test("Ctrl-C ends the process by its signal, without a message", async () => {
    const child = spawnCli(["embed", "--text", "-"]);
    const stderr: Buffer[] = [];
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    // More than a pipe holds: once all of it is gone, the command is reading and its signal handlers are in place.
    child.stdin.write("a fox\n".repeat(2 ** 20), () => child.kill("SIGINT"));
    const [, signal] = (await once(child, "close")) as [number | null, string | null];
    expect(signal).toBe("SIGINT");
    expect(Buffer.concat(stderr).toString()).toBe("");
  });
});
