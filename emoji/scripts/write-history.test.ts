import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { writeHistory } from "./write-history.js";

/** A folder with the documents and logs of runs, and a document with a place for the table. */
async function makeRuns(runs: Readonly<Record<string, { batch_size: number; log?: readonly object[] }>>) {
  const root = await mkdtemp(join(tmpdir(), "history-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, "recipes"));
  await writeFile(join(root, "emoji.md"), "<!-- training -->\n<!-- /training -->\n");
  for (const [name, { batch_size, log }] of Object.entries(runs)) {
    const output = `runs/${name}`;
    await writeFile(join(root, "recipes", `${name}.json`), JSON.stringify({ output, batch_size }));
    if (log === undefined) continue;
    await mkdir(join(root, output), { recursive: true });
    await writeFile(join(root, output, "log.jsonl"), log.map((record) => `${JSON.stringify(record)}\n`).join(""));
  }
  return root;
}

const write = (root: string) => writeHistory(join(root, "recipes"), root, root);

test("runs are combined in the order of their numbers: one log, minutes from the rates, the last validation", async () => {
  const root = await makeRuns({
    "10-heads": {
      batch_size: 10,
      log: [
        { step: 60, pairs_per_second: 5 },
        { step: 60, eval_vqa_score: 0.25 },
      ],
    },
    "2-towers": {
      batch_size: 100,
      log: [
        { step: 10, pairs_per_second: 10, loss: 3 },
        { step: 10, eval_ir_r1: 0.5 },
        { step: 40, pairs_per_second: 50 },
        { step: 40, eval_ir_r1: 0.75, eval_rows: 64 },
      ],
    },
  });
  await write(root);

  const lines = (await readFile(join(root, "emoji-training.jsonl"), "utf8")).trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { run: string }).run)).toEqual([
    ...Array.from({ length: 4 }, () => "2-towers"),
    ...Array.from({ length: 2 }, () => "10-heads"),
  ]);
  expect(JSON.parse(lines[0]!)).toEqual({ run: "2-towers", step: 10, pairs_per_second: 10, loss: 3 });

  const rows = (await readFile(join(root, "emoji.md"), "utf8")).split("\n").filter((line) => line.startsWith("|"));
  // 10 × 100 at 10 a second and 30 × 100 at 50 a second; 60 × 10 at 5 a second.
  expect(rows.map((row) => row.replaceAll(/\s+/g, " "))).toEqual([
    "| run | steps × rows | minutes | txt→img | VQA |",
    expect.stringMatching(/^\|[ -:|]+\|$/),
    "| `2-towers` | 40 × 100 | 3 | 0.750 | – |",
    "| `10-heads` | 60 × 10 | 2 | – | 0.250 |",
    "| all | | 5 | | |",
  ]);

  const svg = await readFile(join(root, "emoji-training.svg"), "utf8");
  expect(svg).toContain(">txt→img<");
  // One point of VQA, after the steps of both runs: at the right end, a quarter up.
  expect(svg).toMatch(/<circle cx="540.0" cy="265.0" r="2"/);
});

test("a run without a log is named", async () => {
  const root = await makeRuns({ "2-towers": { batch_size: 1 } });
  await expect(write(root)).rejects.toThrow(
    "runs/2-towers: expected the log of a run, found none. Train with npm run emoji:train",
  );
});
