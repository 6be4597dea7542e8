import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fileURLToPath } from "node:url";
import { defaultModel } from "bridgetower";
import { answerList, readVocabulary, type ScenesOptions } from "../src/index.js";
import { writeSprites } from "../src/sprites/index.js";
import { syntheticSets } from "../src/synthetic.test-support.js";
import { ablationTable } from "./ablation-table.js";
import { ResultsCache } from "./results-cache.js";
import { runAblation, type AblationOptions, type AblationPlan, type Run } from "./run-ablation.js";
import { writeAblation } from "./write-ablation.js";

/** A folder with sprites of one noisy square each, the list of answers, and a document for the table. */
async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ablation-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const edge = 16;
  const codePoints = readVocabulary().nouns.flatMap(({ hex }) => hex);
  const entries = syntheticSets.flatMap((set) => codePoints.map((codePoint) => ({ set, codePoint })));
  const image = Uint8Array.from({ length: edge * edge * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * 37) % 256));
  await writeSprites(
    join(folder, "sprites"),
    { edge, sources: ["art@1.0.0"], entries },
    entries.map(() => image),
  );
  await writeFile(join(folder, "answers.json"), JSON.stringify(answerList(readVocabulary())));
  await writeFile(join(folder, "emoji.md"), "# Before\n\n<!-- ablation -->\n\nold\n\n<!-- /ablation -->\n\nAfter\n");
  return folder;
}

const tower = { hidden_size: 64, num_hidden_layers: 2 };

function tinyPlan(folder: string): AblationPlan {
  const scenes = (options: Partial<ScenesOptions> = {}): ScenesOptions => {
    return { sprites: join(folder, "sprites"), split: "train", seed: 5, rows: 200, size: 32, ...options };
  };
  const source = (options: Partial<ScenesOptions> = {}) => {
    const module = fileURLToPath(new URL("../src/dataset.ts", import.meta.url));
    return { module, options: scenes({ sampled: "captions", ...options }) };
  };
  const common = {
    adamw: "decoupled",
    learning_rate: 1e-3,
    max_text_len: 20,
    batch_size: 4,
    num_workers: 1,
    threads: 1,
  } as const;
  return {
    towers: [
      {
        ...common,
        output: join(folder, "towers"),
        start: [],
        tokenizer: defaultModel,
        config: {
          hidden_size: 64,
          num_hidden_layers: 2,
          num_attention_heads: 1,
          intermediate_size: 64,
          contrastive_hidden_size: 16,
          contrastive_form: "dual",
          token_type_count: 3,
          text_config: {
            ...tower,
            vocab_size: 3000,
            num_attention_heads: 1,
            intermediate_size: 64,
            max_position_embeddings: 66,
          },
          vision_config: { ...tower, patch_size: 16, image_size: 32 },
        },
        data: { train: source() },
        objectives: { itc: 1 },
        max_steps: 2,
      },
    ],
    heads: {
      ...common,
      output: "",
      start: join(folder, "towers"),
      data: { train: source({ kind: "pairs" }) },
      answers: join(folder, "answers.json"),
      objectives: { itm: 1, itc: 1, mlm: 1, vqa: 0.1, snli: 1, nlvr2: 1 },
      itm_false: "texts",
      max_steps: 3,
    },
    seeds: [7],
    output: join(folder, "runs"),
    modulesFrom: folder,
    splits: { val: { scenes: scenes({ split: "val" }), pairs: scenes({ split: "val", kind: "pairs" }) } },
    selection: { limit: 8, candidates: 4 },
  };
}

test("an interrupted ablation resumes, and a finished one does nothing", async () => {
  const folder = await makeFolder();
  const plan = tinyPlan(folder);
  const file = join(folder, "ablation.json");
  const begin = async (options: AblationOptions = {}) => {
    const steps: string[] = [];
    const evaluated = new Set<string>();
    const runs = await runAblation(plan, await ResultsCache.open(file), {
      ...options,
      onStep: (run, progress) => {
        steps.push(`${run} ${progress.step}`);
        options.onStep?.(run, progress);
      },
      onProgress: (part) => evaluated.add(part),
      onSeed: (runs) => writeAblation(folder, { plan, runs }),
    }).catch((error: unknown) => {
      if (options.signal?.aborted !== true) throw error;
      return undefined;
    });
    return { runs, steps, evaluated: [...evaluated] };
  };

  const halted = new AbortController();
  const stopped = await begin({
    signal: halted.signal,
    onStep: (run, { step }) => {
      if (run === "meter-7" && step === 1) halted.abort(new Error("interrupted"));
    },
  });
  expect(stopped).toEqual({
    runs: undefined,
    steps: ["towers 1", "towers 2", "bridgetower-7 1", "bridgetower-7 2", "bridgetower-7 3", "meter-7 1"],
    evaluated: ["bridgetower-7, val pairs", "bridgetower-7, val nouns", "bridgetower-7, val scenes"],
  });

  const { runs, steps, evaluated } = await begin();
  expect(steps).toEqual(["meter-7 2", "meter-7 3"]);
  expect(evaluated).toEqual(["meter-7, val pairs", "meter-7, val nouns", "meter-7, val scenes"]);
  expect(runs!.map(({ model, seed }) => [model, seed])).toEqual([
    ["bridgetower", 7],
    ["meter", 7],
  ]);
  const [bridged, plain] = runs!.map(({ parameters }) => parameters);
  // Two first normalisations and two of the one link, of a weight and a bias of 64 each.
  expect(bridged! - plain!).toBe(4 * 2 * 64);
  const config = JSON.parse(await readFile(join(plan.output, "meter-7", "config.json"), "utf8")) as object;
  expect(config).toMatchObject({ model_type: "meter", vqav2_label_size: 669 });
  for (const { results } of runs!) {
    for (const name of ["facet_accuracy", "ir_r1", "nouns_accuracy", "vqa_score", "snli_accuracy", "nlvr2_accuracy"]) {
      expect(results.val![name], name).toBeGreaterThanOrEqual(0);
    }
    expect(results.val!.rows).toBe(8);
  }

  const document = await readFile(join(folder, "emoji.md"), "utf8");
  expect(document).toMatch(/^# Before\n\n<!-- ablation -->\n\nParameters: BridgeTower [\d,]+, METER [\d,]+\./);
  expect(document).toMatch(/\| caption above its hard negative +\| +\d\.\d{3} \|/);
  expect(document.endsWith("<!-- /ablation -->\n\nAfter\n")).toBe(true);
  expect(document).not.toContain("old");
  expect(await readFile(join(folder, "ablation.svg"), "utf8")).toMatch(/^<svg/);

  const before = await readFile(file, "utf8");
  expect(await begin()).toEqual({ runs, steps: [], evaluated: [] });
  expect(await readFile(file, "utf8")).toBe(before);
}, 120_000);

const run = (model: Run["model"], seed: number, share: number): Run => ({
  model,
  seed,
  parameters: 1,
  results: { val: { facet_accuracy: share } },
});

test("the table: means and deviations over seeds, differences seed by seed", () => {
  const runs = [
    run("bridgetower", 0, 0.5),
    run("bridgetower", 1, 0.7),
    run("meter", 0, 0.6),
    run("meter", 1, 0.6),
    run("meter", 2, 0.9),
  ];
  const [heading, , first, second] = ablationTable(runs, ["val"]).split("\n");
  expect(heading).toBe("| measure | val: BridgeTower | val: METER | val: difference |");
  // Seed 2 has only one model.
  expect(first).toBe("| caption above its hard negative | 0.600 ± 0.141 | 0.700 ± 0.173 | 0.000 ± 0.141 |");
  expect(second).toBe("| recall@1, image for text | – | – | – |");
});
