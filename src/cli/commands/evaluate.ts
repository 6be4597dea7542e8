import type { Command } from "commander";
import type { Dataset, DatasetSettings } from "../../data/index.js";
import type { Collective } from "../../distributed/index.js";
import { InputError } from "../../errors.js";
import type { EvaluationResult, EvaluateOptions as ModelOptions } from "../../evaluation/index.js";
import {
  addInferenceOptions,
  loadOptions,
  oneOf,
  repeated,
  requireOptions,
  single,
  UsageError,
  wholeNumber,
  type InferenceOptions,
  exampleText,
} from "../options.js";
import { checkOutputFolder } from "../output-paths.js";
import { metricsTable } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";
import { escapeControlChars } from "../terminal/text.js";

interface EvaluateOptions extends InferenceOptions {
  readonly data: readonly string[];
  readonly allowModules?: boolean;
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
Metrics (default: all that the data set and the checkpoint allow):

  itm        captions against sampled false captions
  facet      captions against hard negatives of the same image, in total and for each changed attribute
  itc        contrastive loss
  mlm        masked tokens of captions
  vqa        answers; --out also writes vqa_submit_<run>_<checkpoint>.json for the VQA challenge
  snli       hypotheses; also entailment against contradiction alone
  nlvr2      statements about two images
  irtr       captions among sampled false captions, by rank_output
  retrieval  recall at 1, 5 and 10 by similarity; with --k-test 128, ITM re-ranks the best 128 candidates

With --candidates n, retrieval ranks n rows at a time, in their order. Recalls are means over these groups; a smaller
last group is left out. --candidates 1000 gives the 5 folds of COCO's test set of 5,000 images; --candidates 64
--captions 1 ranks 64 images for a text and 64 texts for an image.

--image-chunks and --text-chunks trade time for memory when retrieval ranks by ITM or rank_output: one chunk of texts is
kept in memory at a time, and the text tower runs again for each chunk of images.

To evaluate with several processes, use mpirun or srun: mpirun -np 4 --bind-to none bridgetower evaluate …
${exampleText([
  "evaluate --data pairs/pairs.jsonl --limit 64",
  "evaluate --model runs/f30k --data f30k_caption_karpathy_test.arrow --metric retrieval --k-test 128",
  "evaluate --model runs/vqa --data vqav2_test.arrow --transform blip --out runs/vqa/test",
])}`;

export function evaluate(command: Command, terminal: Terminal): void {
  requireOptions(command, ["data"]);
  addInferenceOptions(
    command
      .addOption(
        repeated("--data <path>", "data set: a file, a folder or a pattern of shards; may be repeated to join several"),
      )
      .option("--allow-modules", "import the JavaScript modules that --data names, which runs their code")
      .addOption(single("--split <name>", "split of the data set, such as test"))
      .addOption(
        repeated(
          "--column <role=name>",
          "column for a role, such as caption=title; may be repeated (default: found by name)",
        ),
      )
      .addOption(repeated("--metric <name>", "metric; may be repeated"))
      .addOption(single("--limit <n>", "evaluate the first n rows only", wholeNumber(1)))
      .addOption(single("--seed <n>", "seed of false captions and masked tokens (default: 0)", wholeNumber(0)))
      .addOption(single("--captions <n>", "evaluate the first n captions of each row only", wholeNumber(1)))
      .addOption(
        single("--candidates <n>", "number of rows to retrieve among at a time (default: all)", wholeNumber(2)),
      )
      .addOption(single("--k-test <n>", "number of candidates that ITM re-ranks (default: 0)", wholeNumber(0)))
      .addOption(
        single(
          "--rank-by <name>",
          "retrieval by similarity or rank_output (default: similarity, if the checkpoint has its heads)",
        ),
      )
      .addOption(
        single(
          "--image-chunks <n>",
          "number of chunks of images in retrieval (default: as memory requires)",
          wholeNumber(1),
        ),
      )
      .addOption(
        single(
          "--text-chunks <n>",
          "number of chunks of texts in retrieval (default: as memory requires)",
          wholeNumber(1),
        ),
      )
      .addOption(single("--batch-size <n>", "number of pairs in each contrastive loss (default: 16)", wholeNumber(1)))
      .addOption(
        single(
          "--max-text-len <n>",
          "maximum number of tokens of a text (default: the limit of the checkpoint)",
          wholeNumber(3),
        ),
      )
      .addOption(single("--transform <name>", "image transform, such as blip (default: that of the checkpoint)"))
      .addOption(single("--answers <file>", "JSON list of the answers of the VQA classifier"))
      .addOption(single("--out <folder>", "folder for eval_results.json (default: nothing is written)")),
  )
    .addHelpText("after", help)
    .action(async (options: EvaluateOptions) => {
      const { out, json } = options;
      const { joinCollective } = await import("../../distributed/index.js");
      const collective = await joinCollective();
      terminal.onFailure((message) => collective.abort(message));
      const isRankZero = collective.rank === 0;
      if (out !== undefined && isRankZero) await checkOutputFolder(out);
      const { writeResults } = await import("../../evaluation/index.js");
      const { defaultModel } = await import("../../inference/index.js");
      const model = options.model ?? defaultModel;
      const result = await run(model, options, collective, terminal);
      await collective.close();
      if (!isRankZero) return;
      const files =
        out === undefined ? [] : await terminal.interrupts.whileWriting(() => writeResults(out, result, model));
      const { metrics, results, skipped } = result;
      await terminal.show(json, { metrics, results, skipped, files }, () => format(result, files, terminal));
    });
}

async function run(
  model: string,
  options: EvaluateOptions,
  collective: Collective,
  terminal: Terminal,
): Promise<EvaluationResult> {
  const { threadsOfRank } = await import("../../distributed/index.js");
  const { evaluate: evaluateModel, metrics, rankings } = await import("../../evaluation/index.js");
  const { transformKeys } = await import("../../data/index.js");
  const { metric, transform, rankBy } = options;
  const settings = {
    model,
    metrics: metric?.map((name) => oneOf(metrics)(name, "--metric")),
    transform: transform === undefined ? undefined : oneOf(transformKeys)(transform, "--transform"),
    rankBy: rankBy === undefined ? undefined : oneOf(rankings)(rankBy, "--rank-by"),
    limit: options.limit,
    seed: options.seed,
    captionsPerRow: options.captions,
    candidates: options.candidates,
    kTest: options.kTest,
    imageChunks: options.imageChunks,
    textChunks: options.textChunks,
    contrastBatchSize: options.batchSize,
    maxTextLength: options.maxTextLen,
    answers: options.answers,
    load: { ...loadOptions(options, terminal), threads: options.threads ?? threadsOfRank(collective) },
    collective,
  } satisfies Omit<ModelOptions, "data">;
  const data = await open(options, terminal);
  try {
    const report = { rows: terminal.progress.start("rows"), pairs: terminal.progress.startAtFirstReport("pairs") };
    return await evaluateModel({ ...settings, data, onProgress: (stage, done, total) => report[stage](done, total) });
  } catch (error) {
    throw withFlag(error);
  } finally {
    await data.close();
  }
}

/** The flags of options that have another name in code. */
const flags: Readonly<Record<string, string>> = {
  captionsPerRow: "--captions",
  contrastBatchSize: "--batch-size",
  maxTextLength: "--max-text-len",
  rankBy: "--rank-by",
  kTest: "--k-test",
  imageChunks: "--image-chunks",
  textChunks: "--text-chunks",
  candidates: "--candidates",
  answers: "--answers",
};

/** The same error with the flag for the option that it names. */
function withFlag(error: unknown): unknown {
  const flag = error instanceof InputError && Object.hasOwn(flags, error.where) ? flags[error.where] : undefined;
  if (!(error instanceof InputError) || flag === undefined) return error;
  const { hint, ...problem } = error.toJSON();
  return new InputError(
    { ...problem, where: flag, ...(hint === undefined ? {} : { hint: hint.replace(error.where, flag) }) },
    { cause: error },
  );
}

async function open(options: EvaluateOptions, terminal: Terminal): Promise<Dataset> {
  const { columnRoles, joinDatasets, openDataset } = await import("../../data/index.js");
  const { openModule, parseModuleSource, refuseMixedSplits, refuseModule } = await import("../../data/internal.js");
  const columns = Object.fromEntries(
    (options.column ?? []).map((assignment) => {
      const [, role = "", name = ""] = /^([^=]*)=(.+)$/s.exec(assignment) ?? [];
      if (name !== "") return [oneOf(columnRoles)(role, "--column"), name] as const;
      const found = JSON.stringify(assignment);
      throw new UsageError({
        where: "--column",
        expected: "role=name, such as caption=image_description",
        found,
      });
    }),
  ) satisfies DatasetSettings["columns"];
  const { split } = options;
  const unused = split === undefined ? (options.column === undefined ? undefined : "--column") : "--split";
  if (unused !== undefined && options.data.some((data) => parseModuleSource(data) !== undefined)) {
    const hint = "Pass it in the options of the module";
    throw new UsageError({ where: unused, expected: "data sets in files", found: "a module", hint });
  }
  const opened: Dataset[] = [];
  try {
    for (const path of options.data) {
      const source = parseModuleSource(path);
      if (source !== undefined) {
        if (options.allowModules !== true) refuseModule(source, "--data");
        opened.push(await openModule(source, "."));
        continue;
      }
      const onProgress = terminal.progress.start(`opening ${path}`);
      const dataset = await openDataset({ path, columns, split }, { onProgress });
      opened.push(dataset);
      refuseMixedSplits(dataset, `Choose one, as in --split ${dataset.mixedSplits?.at(-1) ?? ""}`);
      for (const note of dataset.report?.notes ?? []) terminal.warn(`${path}: ${note}`);
    }
  } catch (error) {
    for (const data of opened) await data.close();
    throw error;
  }
  const [only, ...others] = opened;
  return others.length === 0 ? only! : joinDatasets(options.data.join(", "), opened);
}

const maxShown = 10;

function format({ results, skipped }: EvaluationResult, files: readonly string[], terminal: Terminal): string {
  const lines = skipped.slice(0, maxShown).map(({ reason }) => `  ${escapeControlChars(reason)}\n`);
  const count = results.skipped_images!;
  const more = count > lines.length ? [`  and ${count - lines.length} more\n`] : [];
  return [
    metricsTable(results, terminal.style),
    ...(count === 0 ? [] : ["left out, as their images cannot be read:\n", ...lines, ...more]),
    ...files.map((file) => `${escapeControlChars(file)}\n`),
  ].join("");
}
