import type { Command } from "commander";
import type { Dataset, DatasetSettings } from "../../data/index.js";
import { nearestHint } from "../../errors.js";
import type { EvaluationResult, EvaluationSettings } from "../../evaluation/index.js";
import { addCommonOptions, loadOptions, repeated, requireOptions, single, wholeNumber } from "../options.js";
import type { CommonOptions } from "../options.js";
import { checkOutputFolder } from "../terminal/output.js";
import { resultsTable } from "../terminal/metrics-table.js";
import type { Terminal } from "../terminal/terminal.js";
import { UsageError } from "../usage-error.js";
import { visible } from "../terminal/escape-control-chars.js";

interface EvaluateOptions extends CommonOptions {
  readonly data: readonly string[];
  readonly split?: string;
  readonly column?: readonly string[];
  readonly metric?: readonly string[];
  readonly limit?: number;
  readonly seed?: number;
  readonly captions?: number;
  readonly candidates?: number;
  readonly kTest?: number;
  readonly rankBy?: string;
  readonly imageChunks?: number;
  readonly textChunks?: number;
  readonly batchSize?: number;
  readonly maxTextLen?: number;
  readonly transform?: string;
  readonly answers?: string;
  readonly out?: string;
}

const help = `
Metrics, by default all that both data set and checkpoint allow:

  itm        captions and drawn false ones told apart
  facet      captions that match better than negatives of the same image, also by what is wrong with these
  itc        contrastive loss
  mlm        hidden words of captions
  nouns      words for things in captions, hidden one at a time, where the data set knows them
  vqa        answers; with --out also vqa_submit_<run>_<checkpoint>.json for the challenge
  snli       hypotheses; also those that are not neutral, by the two other logits
  nlvr2      statements about two images
  irtr       captions among drawn false ones, by rank_output
  retrieval  recalls at 1, 5 and 10 by similarity; --k-test 128 has ITM rank the best candidates again

With --candidates n, retrieval is among n rows at a time: each n rows in their order are ranked by themselves, recalls
are means over all of them, and a last group that is smaller is left out. --candidates 1000 is the 5 folds of COCO's
test set of 5,000 images; --candidates 64 --captions 1 is one of 64 images for a text, one of 64 texts for an image.

--image-chunks and --text-chunks trade time for memory where ITM or rank_output ranks: with n chunks of texts, the states
of one chunk are in memory; every chunk of images then sends all texts through their tower once more.

Examples:
  $ bridgetower evaluate --data pairs/pairs.jsonl --limit 64
  $ bridgetower evaluate --model runs/f30k --data f30k_caption_karpathy_test.arrow --metric retrieval --k-test 128
  $ bridgetower evaluate --model runs/vqa --data vqav2_test.arrow --transform blip --out runs/vqa/test`;

export function configure(command: Command, terminal: Terminal): void {
  requireOptions(command, ["data"]);
  addCommonOptions(
    command
      .addOption(repeated("--data <path>", "data set: a file, folder or pattern of shards; repeated, they are joined"))
      .addOption(single("--split <name>", "part of the data set, such as test"))
      .addOption(repeated("--column <role=name>", "a column that is not found by itself; may be repeated"))
      .addOption(repeated("--metric <name>", "what to measure; may be repeated"))
      .addOption(single("--limit <n>", "judge the first n rows only", wholeNumber(1)))
      .addOption(single("--seed <n>", "of false captions and hidden words (0 unless given)", wholeNumber(0)))
      .addOption(single("--captions <n>", "judge the first n captions of each row only", wholeNumber(1)))
      .addOption(single("--candidates <n>", "retrieval among n rows at a time (all unless given)", wholeNumber(2)))
      .addOption(single("--k-test <n>", "best ones that ITM ranks again (0 unless given)", wholeNumber(0)))
      .addOption(single("--rank-by <name>", "retrieval by similarity or rank_output"))
      .addOption(single("--image-chunks <n>", "parts that images are ranked in", wholeNumber(1)))
      .addOption(single("--text-chunks <n>", "parts that texts are ranked in", wholeNumber(1)))
      .addOption(single("--batch-size <n>", "pairs of a contrastive loss (16 unless given)", wholeNumber(1)))
      .addOption(single("--max-text-len <n>", "tokens that texts are cut to", wholeNumber(3)))
      .addOption(single("--transform <name>", "how images are made ready, such as blip (as the checkpoint says)"))
      .addOption(single("--answers <file>", "JSON list of the answers of the VQA classifier"))
      .addOption(single("--out <folder>", "folder for eval_results.json (nothing is written unless given)")),
  )
    .addHelpText("after", help)
    .action(async (options: EvaluateOptions) => {
      const { out, json } = options;
      if (out !== undefined) await checkOutputFolder(out);
      const { writeResults } = await import("../../evaluation/index.js");
      const { defaultModel } = await import("../../inference/index.js");
      const model = options.model ?? defaultModel;
      const result = await run(model, options, terminal);
      const files =
        out === undefined ? [] : await terminal.interrupts.whileWriting(() => writeResults(out, result, model));
      const { metrics, results, skipped } = result;
      terminal.show(json, { metrics, results, skipped, files }, () => shown(result, files, terminal));
    });
}

async function run(model: string, options: EvaluateOptions, terminal: Terminal): Promise<EvaluationResult> {
  const { evaluate, metrics, rankings } = await import("../../evaluation/index.js");
  const { transformKeys } = await import("../../data/index.js");
  const { metric, transform, rankBy } = options;
  const settings = {
    model,
    metrics: metric?.map((name) => choiceOf("--metric", name, metrics)),
    transform: transform === undefined ? undefined : choiceOf("--transform", transform, transformKeys),
    rank_by: rankBy === undefined ? undefined : choiceOf("--rank-by", rankBy, rankings),
    limit: options.limit,
    seed: options.seed,
    captions_per_row: options.captions,
    candidates: options.candidates,
    k_test: options.kTest,
    image_chunks: options.imageChunks,
    text_chunks: options.textChunks,
    per_gpu_eval_batchsize: options.batchSize,
    max_text_len: options.maxTextLen,
    answers: options.answers,
    load: loadOptions(options, terminal),
  } satisfies Omit<EvaluationSettings, "data">;
  const data = await open(options, terminal);
  try {
    const report = { rows: terminal.progress.start("rows"), pairs: startedLater("pairs", terminal) };
    return await evaluate({ ...settings, data, onProgress: (stage, done, total) => report[stage](done, total) });
  } finally {
    await data.close();
  }
}

async function open(options: EvaluateOptions, terminal: Terminal): Promise<Dataset> {
  const { columnRoles, joinDatasets, openDataset } = await import("../../data/index.js");
  const columns = Object.fromEntries(
    (options.column ?? []).map((assignment) => {
      const [, role = "", name = ""] = /^([^=]*)=(.+)$/s.exec(assignment) ?? [];
      if (name !== "") return [choiceOf("--column", role, columnRoles), name] as const;
      const found = JSON.stringify(assignment);
      throw new UsageError({
        code: "invalid-usage",
        where: "--column",
        expected: "role=name, such as caption=image_description",
        found,
      });
    }),
  ) satisfies DatasetSettings["columns"];
  const { split } = options;
  const opened: Dataset[] = [];
  try {
    for (const path of options.data) {
      const onProgress = terminal.progress.start(`opening ${path}`);
      opened.push(await openDataset({ path, columns, ...(split === undefined ? {} : { split }) }, { onProgress }));
    }
  } catch (error) {
    for (const data of opened) await data.close();
    throw error;
  }
  const [only, ...others] = opened;
  return others.length === 0 ? only! : joinDatasets(options.data.join(", "), opened);
}

/** Its rate counts from the first report on. */
function startedLater(label: string, terminal: Terminal): (done: number, total: number) => void {
  let report: ((done: number, total: number) => void) | undefined;
  return (done, total) => (report ??= terminal.progress.start(label))(done, total);
}

/** @throws UsageError with the nearest names */
function choiceOf<T extends string>(where: string, name: string, choices: readonly T[]): T {
  const choice = choices.find((one) => one === name);
  if (choice !== undefined) return choice;
  throw new UsageError({
    code: "invalid-usage",
    where,
    expected: `one of ${choices.join(", ")}`,
    found: JSON.stringify(name),
    hint: nearestHint(name, choices),
  });
}

const maxShown = 10;

function shown({ results, skipped }: EvaluationResult, files: readonly string[], terminal: Terminal): string {
  const lines = skipped.slice(0, maxShown).map(({ reason }) => `  ${visible(reason)}\n`);
  const count = results.skipped_images!;
  const more = count > lines.length ? [`  and ${count - lines.length} more\n`] : [];
  return [
    resultsTable(results, terminal.style),
    ...(count === 0 ? [] : ["left out, as their images cannot be read:\n", ...lines, ...more]),
    ...files.map((file) => `${visible(file)}\n`),
  ].join("");
}
