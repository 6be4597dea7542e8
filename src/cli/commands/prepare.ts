import type { Command } from "commander";
import type { PrepareProgress, PrepareReport } from "../../data/index.js";
import { addJsonOption, repeated, requireOptions, single, wholeNumber } from "../options.js";
import { checkOutputFolder } from "../output-paths.js";
import { table } from "../terminal/table.js";
import type { Terminal } from "../terminal/terminal.js";
import { escapeControlChars } from "../terminal/text.js";

interface PrepareCommandOptions {
  readonly source: string;
  readonly out: string;
  readonly split?: readonly string[];
  readonly shardSize?: number;
  readonly rawAnswers?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

const help = `
Data sets, their splits (default: all) and the files that are read from --source. Files in karpathy/, vqav2/, snli_ve/,
annotations/, coco_splits/, utils/ and nlvr2/data/ may also be directly in --source.

  coco   train, restval, val, test
         karpathy/dataset_coco.json; images in train2014/ and val2014/
  f30k   train, val, test
         karpathy/dataset_flickr30k.json; images in flickr30k-images/
  vg     annotations/region_descriptions.json; images in images/VG_100K/ and images/VG_100K_2/
  sbu    sbu-captions-all.json; images in SBU/, named after the last part of their URL; in shards
  cc     train, val; in shards
         utils/Train_GCC-training.tsv and train_image_exist.txt; images in train_image/
         utils/Validation_GCC-1.1.0-Validation.tsv and val_image_exist.txt; images in val_image/
  vqav2  train, val, test, test-dev, trainable_val, rest_val (val without its last 1000 images, and these images)
         vqav2/v2_OpenEnded_mscoco_{train2014,val2014,test2015,test-dev2015}_questions.json,
         vqav2/v2_mscoco_{train2014,val2014}_annotations.json; images in train2014/, val2014/ and test2015/;
         the list of answers is written to answers.json
  vgqa   train, val, coco_train, coco_val
         annotations/question_answers.json, image_data.json, coco_splits/karpathy_{train,val,test}_images.txt;
         images as for vg; uses answers.json of vqav2 in the same --out
  snli   train, dev, test
         snli_ve/snli_ve_{train,dev,test}.jsonl; images in flickr30k-images/
  nlvr2  train, dev, test1, balanced_dev, balanced_test1, unbalanced_dev, unbalanced_test1
         nlvr2/data/{train,dev,test1}.json, and balanced/ and unbalanced/ in the same folder;
         images in images/train/<directory>/, dev/ and test1/

Missing and broken images are left out with their texts. To resume after Ctrl-C, run the same command again: finished
files are kept, unless images that were left out have been added since.

Example:
  $ bridgetower prepare vqav2 --source coco/ --out tables/ --split train --split val`;

export function prepare(command: Command, terminal: Terminal): void {
  requireOptions(command, ["source", "out"]);
  addJsonOption(
    command
      .argument("<dataset>", "coco, f30k, vg, sbu, cc, vqav2, vgqa, snli or nlvr2")
      .addOption(single("--source <folder>", "folder of the published data set"))
      .addOption(single("--out <folder>", "folder for the Arrow files"))
      .addOption(repeated("--split <name>", "split to convert; may be repeated (default: all)"))
      .addOption(
        single("--shard-size <n>", "images in each file of sbu or cc (default: 100000)", wholeNumber(1, 10_000_000)),
      )
      .option("--raw-answers", "vqav2: do not normalise answers; file names have no _fix")
      .option("--force", "replace existing files"),
  )
    .addHelpText("after", help)
    .action(async (dataset: string, { source, out, split, json, ...options }: PrepareCommandOptions) => {
      await checkOutputFolder(out);
      const { prepareDataset } = await import("../../data/index.js");
      const { interrupts, log } = terminal;
      const work = {
        source,
        out,
        splits: split,
        ...options,
        onProgress: progressOf(terminal),
        signal: interrupts.signal,
      };
      const report = await interrupts.whileWriting(() =>
        prepareDataset(dataset, work).catch((error: unknown) => {
          if (interrupts.signal.aborted) log("Stopped. Finished files are kept: the same command resumes after them");
          throw error;
        }),
      );
      await terminal.show(json, report, () => format(report, terminal));
    });
}

/** A line for each file that is read or written. */
function progressOf(terminal: Terminal): (progress: PrepareProgress) => void {
  let shownLabel: string | undefined;
  let show: ((done: number, total: number) => void) | undefined;
  return ({ label, done, total, unit }) => {
    if (label !== shownLabel) show = terminal.progress.start(label, unit);
    shownLabel = label;
    show?.(done, total);
  };
}

function format({ tables, absent, answers }: PrepareReport, terminal: Terminal): string {
  const head = { cells: ["file", "images", "texts", "left out", ""], strong: true };
  const rows = tables.map(({ file, rows: images, texts, leftOut, kept }) => ({
    cells: [escapeControlChars(file), `${images}`, `${texts}`, `${leftOut.count}`, kept ? "kept" : "written"],
  }));
  const problems = tables.flatMap(({ file, leftOut }) => problemLines(escapeControlChars(file), leftOut));
  const notes = [
    ...(answers === undefined ? [] : [`answers.json: ${answers} answers\n`]),
    ...(absent === undefined ? [] : problemLines("texts in no shard", absent)),
    ...problems,
  ];
  return [table([head, ...rows], { ...terminal.style, right: [1, 2, 3] }), ...notes].join("");
}

function problemLines(what: string, { count, first }: PrepareReport["tables"][number]["leftOut"]): string[] {
  if (count === 0) return [];
  const more = count > first.length ? [`  and ${count - first.length} more\n`] : [];
  const lines = first.map(({ image, reason }) => `  ${escapeControlChars(image)}: ${escapeControlChars(reason)}\n`);
  return [`${what}: left out ${count}\n`, ...lines, ...more];
}
