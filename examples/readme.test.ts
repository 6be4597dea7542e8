/** Runs the command and the code of the project's README and compares their output. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cli, root, run, shown } from "./readme-blocks.test-support.js";

/** All commands that answer at once, each with the output that follows it. */
const commands = shown("sh", "# bridgetower").flatMap(({ source, output }) => {
  const [, command, verb] = /npx bridgetower ((\S+)[^]*)/.exec(source)!;
  return verb === "train" ? [] : [{ verb: verb!, command: command!, output }];
});

test("every verb is shown", () => {
  const verbs = commands.map(({ verb }) => verb);
  expect(verbs.sort()).toEqual(["answer", "compare", "embed", "entail", "fill-mask", "match"]);
});

test.each(commands)("$verb prints what is shown, and no hint", async ({ command, output }) => {
  const words = [...command.replaceAll("\\\n", "").matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare!,
  );
  expect(await run(cli, ...words)).toEqual({ stdout: output, stderr: "" });
});

test.each(["## In code", "## Training"])("%s: the code prints what is shown", async (heading) => {
  const { source, output } = shown("ts", heading)[0]!;
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-readme-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "snippet.mts");
  const inPlace = source.replaceAll(/"bridgetower(\/\w+)?"/g, (_, subpath = "") =>
    JSON.stringify(join(root, `dist${subpath}/index.js`)),
  );
  await writeFile(file, inPlace);
  expect((await run("--import", "tsx", file)).stdout).toBe(output);
});
