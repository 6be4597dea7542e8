/** Runs the command and the code of the project's README and compares what they print with what it shows. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const readme = await readFile(join(root, "README.md"), "utf8");

/** The blocks of this language after `heading` that an output block follows, each with that. */
function shown(language: string, heading: string): { readonly source: string; readonly output: string }[] {
  const inside = "((?:(?!```)[^])*)";
  const blocks = new RegExp(`\`\`\`${language}\\n${inside}\`\`\`\\n\\n\`\`\`text\\n${inside}\`\`\``, "g");
  const matches = readme.slice(readme.indexOf(heading)).matchAll(blocks);
  return [...matches].map(([, source, output]) => ({ source: source!, output: output! }));
}

const run = (...args: string[]) => promisify(execFile)(process.execPath, args, { cwd: root });
const cli = "dist/cli/main.js";

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

test("## Training runs: the run ends as shown, up to rounding", { timeout: 180_000 }, async () => {
  const { source, output } = shown("sh", "## Training runs")[0]!;
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-readme-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const words = source.trim().split(" ").slice(2);
  const { stdout } = await run(cli, ...words, "--output", folder);
  const number = /-?\d+\.\d+/g;
  const found = stdout.replaceAll(folder, "runs/example");
  expect(found.replaceAll(number, "#")).toBe(output.replaceAll(number, "#"));
  const expected = output.match(number)!.map(Number);
  for (const [i, value] of found.match(number)!.map(Number).entries()) {
    // A share may change by one of the few samples.
    expect(Math.abs(value - expected[i]!)).toBeLessThan(Math.max(0.02, 0.03 * expected[i]!));
  }
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
