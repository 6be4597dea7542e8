import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { writeSection } from "./formatted-file.js";
import { hashOf, ResultsCache } from "./results-cache.js";
import { resultsSection } from "./results-table.js";

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "results-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test("results are computed again only when their inputs change", async () => {
  const path = join(await makeFolder(), "kept.json");
  const made: string[] = [];
  const ask = async (name: string, model: string) => {
    const kept = await ResultsCache.open(path);
    return kept.of(name, { model, limit: null }, () => {
      made.push(`${name} ${model}`);
      return Promise.resolve({ share: made.length });
    });
  };
  expect(await ask("val", "a")).toEqual({ share: 1 });
  expect(await ask("val", "a")).toEqual({ share: 1 });
  expect(await ask("combo", "a")).toEqual({ share: 2 });
  expect(await ask("val", "b")).toEqual({ share: 3 });
  expect(await ask("combo", "a")).toEqual({ share: 2 });
  expect(made).toEqual(["val a", "combo a", "val b"]);
});

test("the hash of a file depends on its bytes", async () => {
  const path = join(await makeFolder(), "file");
  await writeFile(path, "abc");
  expect(await hashOf(path)).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  await expect(hashOf(`${path}s`)).rejects.toThrow("expected a file that can be read, found");
});

test("a section is replaced and formatted; a document without its markers is refused", async () => {
  const path = join(await makeFolder(), "doc.md");
  await writeFile(path, "# A\n\n<!-- one -->\n<!-- /one -->\n\n<!-- two -->\n\nkept\n\n<!-- /two -->\n");
  for (const content of ["first", "| a | b |\n| - | -: |\n| long cell | 1 |"]) await writeSection(path, "one", content);
  expect(await readFile(path, "utf8")).toBe(
    "# A\n\n<!-- one -->\n\n| a         |   b |\n| --------- | --: |\n| long cell |   1 |\n\n<!-- /one -->\n\n<!-- two -->\n\nkept\n\n<!-- /two -->\n",
  );
  await expect(writeSection(path, "three", "")).rejects.toThrow("the lines <!-- three --> and <!-- /three -->");
});

test("the table shows goals met and missed, missing measures and the baselines", () => {
  const section = resultsSection({
    model: {
      val: { facet_accuracy: 0.85, vqa_score: 0.799 },
      openmoji: { facet_accuracy: 0.7, facet_accuracy_rel: 0.6 },
    },
    blind: { val: { facet_accuracy: 0.5, vqa_score: 0.37 } },
    rows: 400,
    rowsRead: 20_000,
    candidates: 64,
  });
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  expect(lines.slice(2, 5)).toEqual([
    "| caption above its hard negative | val ≥ 0.85, unseen style ≥ 0.75 | model | 0.850 ✓ | – | – | 0.700 ✗ | – | – |",
    "|  |  | blind | 0.500 | – | – | – | – | – |",
    "|  |  | PyTorch | 0.74 | 0.73 | 0.75 | 0.76 | 0.76 | 0.72 |",
  ]);
  expect(lines).toContain("| answers (VQA) | val ≥ 0.80 | model | 0.799 ✗ | – | – | – | – | – |");
  // Only the model has this measure.
  expect(lines).toContain("| entailment, three classes |  | model | – | – | – | – | – | – |");
  expect(lines).toContain("| relation | – | – | – | 0.600 | – | – |");
  expect(section).toContain("is known to ±0.025 or better");
});
