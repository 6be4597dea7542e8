/** The packaged model knows drawn scenes only: for photographs, the command prints a hint with the result. */
import { expect, test } from "vitest";
import { runCli } from "./run-cli.test-support.js";

const cat = "src/processing/fixtures/chelsea.jpg";
const coffee = "src/processing/fixtures/coffee.jpg";
const drawn = "examples/images/000.png";

const advice =
  "and the packaged model knows emoji art and drawn scenes only; for photographs name a published checkpoint, as in " +
  "--model BridgeTower/bridgetower-large-itm-mlm-itc";
const one = `bridgetower: hint: ${cat} looks like a photograph, ${advice}\n`;

test.each<[string, string[], string]>([
  ["match", ["match", "--image", drawn, "--image", cat, "--text", "a cat", "--text", "a dog"], one],
  ["fill-mask", ["fill-mask", "--image", cat, "--text", "a <mask>"], one],
  ["embed, which decodes an image twice", ["embed", "--image", cat, "--text", "a cat", "--pairs"], one],
  ["answer", ["answer", "--image", cat, "--question", "what is this?"], one],
  [
    "several images, one hint",
    ["embed", ...[drawn, coffee, drawn, cat].flatMap((image) => ["--image", image])],
    `bridgetower: hint: ${coffee} and 1 more look like photographs, ${advice}\n`,
  ],
])("%s", async (_, args, hint) => {
  const [shown, json] = await Promise.all([runCli(args), runCli([...args, "--json"])]);
  expect([shown.code, shown.stderr]).toEqual([0, hint]);
  expect([json.code, json.stderr]).toEqual([0, hint]);
  expect(shown.stdout).not.toContain("hint");
  expect(JSON.parse(json.stdout)).toBeTypeOf("object");
});

test.each<[string, string[]]>([
  ["a model that was named", ["match", "--image", cat, "--text", "a cat", "--model", "models/emoji"]],
  ["drawn scenes", ["embed", "--image", "examples/images"]],
  ["texts", ["embed", "--text", "a photograph of a cat"]],
])("%s: no hint", async (_, args) => {
  const { code, stderr } = await runCli(args);
  expect([code, stderr]).toEqual([0, ""]);
});

test("a failed command prints only its error", async () => {
  const { code, stderr } = await runCli(["embed", "--image", cat, "--image", "no.png"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^bridgetower: no\.png: [^\n]*\n$/);
});
