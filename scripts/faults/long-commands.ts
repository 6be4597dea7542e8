/** The long commands on tiny data: inputs, command lines, and results in a form that runs are compared in. */
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { makePairs, tinySettings } from "../../src/training/tiny-run.test-support.js";

export interface LongCommand {
  readonly name: string;
  /** @param out the folder of the results */
  readonly args: (out: string) => string[];
  /** Files in `out` before the command; none if undefined. */
  readonly before?: (out: string) => Promise<void>;
  /** Whether its result is on standard output. */
  readonly printsResult: boolean;
  /** The folder with the files of the model that it downloads into `out`. */
  readonly downloads?: string;
}

/** Folders that the commands read. */
export interface Inputs {
  readonly root: string;
  /** A trained model with a tokenizer. */
  readonly model: string;
  /** Another one, with files that the first does not have. */
  readonly oldModel: string;
}

export const inputsIn = (root: string): Inputs => ({
  root,
  model: join(root, "model"),
  oldModel: join(root, "old-model"),
});

/** Settings of a run of a second or two, with saves and validations. */
const runSettings = (root: string) => ({
  ...tinySettings(root, {
    max_steps: 6,
    save_steps: 2,
    val_check_interval: 3,
    objectives: { itm: 1, mlm: 1, itc: 1 },
  }),
  data: { train: join(root, "pairs"), validation: join(root, "pairs") },
});

/**
 * Writes images, a data set to prepare and settings into `root`.
 * @param run the command line in this process or another one
 */
export async function makeInputs(root: string, run: (args: readonly string[]) => Promise<void>): Promise<Inputs> {
  const inputs = inputsIn(root);
  const pairs = await makePairs(root);
  await writeFile(join(root, "run.json"), JSON.stringify(runSettings(root)));
  const source = join(root, "source");
  await mkdir(join(source, "flickr30k-images"), { recursive: true });
  const names = (await readdir(pairs)).filter((name) => name.endsWith(".png")).sort();
  for (const name of names) await cp(join(pairs, name), join(source, "flickr30k-images", name));
  const images = names.map((filename, i) => ({
    filename,
    split: ["train", "train", "val", "test"][i % 4],
    sentences: [{ raw: `a caption of ${filename}` }, { raw: "another one" }],
  }));
  await writeFile(join(source, "dataset_flickr30k.json"), JSON.stringify({ images }));
  await sharp({ create: { width: 32, height: 32, channels: 3, background: "#804020" } })
    .png()
    .toFile(join(root, "image.png"));
  await run(["train", join(root, "run.json"), "--output", join(root, "trained"), "--set", "max_steps=2"]);
  await run(["convert", join(root, "trained"), inputs.model]);
  await rm(join(root, "trained"), { recursive: true });
  await cp(inputs.model, inputs.oldModel, { recursive: true });
  await writeFile(join(inputs.oldModel, "answers.json"), JSON.stringify(["yes", "no"]));
  await writeFile(join(inputs.oldModel, "README.md"), "the user's own");
  return inputs;
}

/** All of them, in the order of their cost. */
export function longCommands({ root, model, oldModel }: Inputs): LongCommand[] {
  const pairs = join(root, "pairs");
  const image = join(root, "image.png");
  const printed = { printsResult: true };
  const written = { printsResult: false };
  return [
    { name: "prepare", args: (out) => ["prepare", "f30k", "--source", join(root, "source"), "--out", out], ...written },
    {
      name: "convert",
      args: (out) => ["convert", model, out, "--dtype", "float16"],
      before: (out) => cp(oldModel, out, { recursive: true }),
      ...written,
    },
    { name: "export", args: (out) => ["export", "--model", model, "--out", out], ...written },
    {
      name: "evaluate",
      args: (out) => ["evaluate", "--model", model, "--data", pairs, "--out", out, "--metric", "itm"],
      ...written,
    },
    { name: "embed", args: () => ["embed", "--model", model, "--image", pairs, "--json"], ...printed },
    {
      name: "match",
      args: () => ["match", "--model", model, "--image", image, "--text", "a cat", "--json"],
      ...printed,
    },
    {
      name: "download",
      args: () => ["embed", "--model", "org/name", "--text", "a cat", "--json"],
      downloads: model,
      ...printed,
    },
    { name: "train", args: (out) => ["train", join(root, "run.json"), "--output", out], ...written },
  ];
}

/** Keys of a line of the log that depend on time. */
const ofTime = ["pairs_per_second", "data_wait_share"];

/** Files of a run that are compared; others contain times or the path of the folder. */
const ofRun =
  /^(log\.jsonl|config\.json|model\.safetensors|eval_results\.json|tokenizer.*|preprocessor_config\.json|checkpoint-\d+\/(model|optimizer)\.safetensors)$/;

/** Name -> hash of all files of the result; undefined if the folder does not exist. Hidden files have the hash "hidden". */
export async function resultsOf({ name }: LongCommand, out: string): Promise<Readonly<Record<string, string>>> {
  const found: [string, string][] = [];
  const entries = await readdir(out, { recursive: true }).catch(() => []);
  for (const entry of entries.sort()) {
    const path = join(out, entry);
    // Marks of files that the hub does not have, and parts that the next call completes.
    if (/\.no_exist|\.incomplete$/.test(entry)) continue;
    if (/(^|\/)\./.test(entry) || entry === "run.lock") found.push([hiddenPart(entry), "hidden"]);
    else if (name === "train" && !ofRun.test(entry)) continue;
    else if ((await stat(path)).isFile()) found.push([entry, hash(await contentOf(path))]);
  }
  return Object.fromEntries(found);
}

const hiddenPart = (entry: string) =>
  entry
    .split("/")
    .slice(0, entry.split("/").findIndex((part) => part.startsWith(".")) + 1 || 1)
    .join("/");

async function contentOf(path: string): Promise<Uint8Array | string> {
  if (!path.endsWith("log.jsonl")) return readFile(path);
  const lines = (await readFile(path, "utf8")).split("\n");
  return lines.map(withoutTimes).join("\n");
}

/** A line of the log; a line that a killed run has torn as it is. */
function withoutTimes(line: string): string {
  try {
    const record = JSON.parse(line) as Record<string, unknown>;
    return JSON.stringify(Object.entries(record).filter(([key]) => !ofTime.includes(key)));
  } catch {
    return line;
  }
}

const hash = (content: Uint8Array | string) => createHash("sha256").update(content).digest("hex").slice(0, 16);
