/** Runs each command of the README and compares its output. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
const shown = [...readme.matchAll(/```console\n\$ npx tsx (.+)\n([^]*?)```/g)].map(([, command, output]) => ({
  command: command!,
  output: output!,
}));

test("the README shows every example", () => {
  const files = readdirSync(new URL(".", import.meta.url)).filter(
    (file) => file.endsWith(".ts") && !/\.test(-support)?\.ts$/.test(file),
  );
  expect(shown.map(({ command }) => command.split(" ")[0]).sort()).toEqual(files.map((file) => `examples/${file}`));
});

const run = (...command: string[]) =>
  promisify(execFile)(process.execPath, ["--import", "tsx", ...command], { cwd: root });

test.each(shown)("$command prints what the README shows", async ({ command, output }) => {
  expect(await run(...command.split(" "))).toEqual({ stdout: output, stderr: "" });
});

test("model, image and texts can be named", async () => {
  const [model, image] = ["models/emoji", "examples/images/001.png"];
  const matched = await run("examples/image-text-retrieval.ts", model, image, "a fox", "a gem");
  expect(matched.stdout).toMatch(/^ +[-\d.]+ a fox\n +[-\d.]+ a gem\n$/);
  const filled = await run("examples/masked-language-modelling.ts", model, image, "a fox <mask> of a moose");
  expect(filled.stdout).toContain(" left of ");
  await expect(run("examples/image-text-retrieval.ts", "./examples/images")).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("InputError: examples/images/config.json") as string,
  });
});
