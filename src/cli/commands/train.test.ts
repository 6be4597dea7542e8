/** The command `train` as users start, stop and kill it. */
import { readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { logOf, tinySettings } from "../../training/tiny-run.test-support.js";
import { documentOf, runCli } from "../run-cli.test-support.js";
import { quiet, runFolder, watched, weightsIn } from "./train-runs.test-support.js";

test("Ctrl-C stops a run after the current step; the same command resumes", { timeout: 60_000 }, async () => {
  const { config, output } = await runFolder({ max_steps: 40, save_steps: 1000 });
  const stopped = await watched(["train", config], (step, end) => {
    if (step === 7) end("SIGINT");
  });
  expect(stopped).toMatchObject({ signal: "SIGINT" });
  expect(stopped.stdout).toMatch(/^stopped after \d+ of 40 steps; the same command resumes$/m);
  const [, steps] = /stopped after (\d+)/.exec(stopped.stdout)!;
  expect(await readdir(output)).toContain(`checkpoint-${steps}`);
  expect((await runCli(["train", config])).stdout).toContain("40 steps done");
  const log = await logOf(output);
  expect(log.map((line) => (line as { step: number }).step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
});

test("a data set that disappears stops the run, which resumes when it is back", { timeout: 60_000 }, async () => {
  const { root, config, output } = await runFolder({ max_steps: 30, save_steps: 5 });
  const pairs = join(root, "pairs");
  const ended = await watched(["train", config], (step) => {
    if (step === 8) void rename(pairs, join(root, "elsewhere"));
  });
  if (ended.code !== 0) {
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/expected images that can be read, found none in 20 tries/);
    expect(ended.stderr).not.toMatch(/\n\s+at /);
  }
  expect((await readdir(output)).some((name) => name.startsWith("checkpoint-"))).toBe(true);
  await rename(join(root, "elsewhere"), pairs);
  expect((await runCli(["train", config])).stdout).toContain("30 steps done");
});

test(
  "several runs: each starts from the one before, and those that are done are skipped",
  { timeout: 120_000 },
  async () => {
    const first = await runFolder({ max_steps: 4 });
    const { root } = first;
    const second = join(root, "then.json");
    const settings = tinySettings(root, { max_steps: 3, start: first.output, output: join(root, "then") });
    await writeFile(second, JSON.stringify(settings));
    const args = ["train", first.config, second, "--json"];
    const runs = documentOf<{ steps: number; output: string }[]>(quiet(await runCli(args)));
    expect(runs.map(({ steps, output }) => [steps, output])).toEqual([
      [4, first.output],
      [3, settings.output],
    ]);
    const weights = await weightsIn(settings.output);
    const again = await runCli(args);
    expect(again.stderr).not.toMatch(/^step/m);
    expect(documentOf<object[]>(again)).toHaveLength(2);
    expect(await weightsIn(settings.output)).toEqual(weights);
    const refused = await runCli([...args, "--output", root]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(
      "--output: expected one file with settings, because every run needs its own folder, found 2.",
    );
  },
);

test.each([
  [
    ["train", "none.json"],
    1,
    "none.json: expected a JSON file with the settings of a run, found no such file. Check the path.",
  ],
  [["train"], 2, "missing required argument"],
  [["train", "package.json"], 1, "package.json: output: expected text, found undefined."],
])("%j is refused", async (args, code, message) => {
  const result = await runCli(args);
  expect(result.code).toBe(code);
  expect(result.stderr).toContain(message);
  expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("--set replaces a setting, and the error for a wrong one names its file", { timeout: 60_000 }, async () => {
  const { config } = await runFolder();
  const { steps } = documentOf<{ steps: number }>(
    quiet(await runCli(["train", config, "--json", "--set", "max_steps=3"])),
  );
  expect(steps).toBe(3);
  const wrong = await runCli(["train", config, "--set", "learning_rate=fast"]);
  expect(wrong.stderr).toContain(`${config}: learning_rate: expected a number above 0, found "fast"`);
  const changed = await runCli(["train", config, "--set", "max_steps=3", "--set", "learning_rate=0.1"]);
  expect(changed.stderr).toMatch(
    /expected the settings that the run started with, found other values of learning_rate/,
  );
});

test("a module as data: refused by name, trained on with --allow-modules, from the folder of the settings", async () => {
  const { root, config, output } = await runFolder({
    data: { train: { module: "./two.mjs" } },
    batch_size: 2,
    max_steps: 1,
  });
  const image = JSON.stringify(join(root, "pairs", "red-wide.png"));
  const code = `import { readFile } from "node:fs/promises";
export default { rows: 2, texts: () => ({ captions: ["a"] }), images: () => [{ name: "red", read: () => readFile(${image}) }] };`;
  await writeFile(join(root, "two.mjs"), code);
  const refused = await runCli(["train", config]);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringContaining(`${config}: data.train: expected a path of data, because importing a module runs its code`),
  ]);
  expect(await readdir(root)).not.toContain("run");
  const trained = await runCli(["train", config, "--allow-modules", "--json"]);
  expect([trained.code, JSON.parse(trained.stdout)]).toEqual([0, expect.objectContaining({ output, steps: 1 })]);
});
