/** The commands that answer about images: match, fill-mask, answer, entail, compare. */
import type { Command, Option } from "commander";
import type { InputError } from "../../errors.js";
import type { BridgeTower, FilledMask, MatchScore, Progress, Task } from "../../inference/index.js";
import { imageFiles, readText, readTexts } from "../command-inputs.js";
import {
  addInferenceOptions,
  exampleText,
  loadOptions,
  repeated,
  requireOptions,
  single,
  UsageError,
  wholeNumber,
  type InferenceOptions,
} from "../options.js";
import type { Terminal } from "../terminal/terminal.js";
import { bar, percent, probabilityTable, table, type TableOptions } from "../terminal/table.js";
import { escapeControlChars } from "../terminal/text.js";

/** A command for tasks of `BridgeTower`: opens the model, calls it, and prints the result. */
export interface TaskCommand<Options> {
  readonly options: readonly Option[];
  /** Names of the options that must be given. */
  readonly required: readonly string[];
  /** Command lines for `--help`. */
  readonly examples: readonly string[];
  /**
   * Reads the inputs, then opens the model and calls it.
   * @param open opens the model that the user names, and compiles what `tasks` need
   */
  readonly run: (
    options: Options,
    terminal: Terminal,
    open: (...tasks: readonly Task[]) => Promise<BridgeTower>,
  ) => Promise<Answer>;
}

export interface Answer {
  /** For `--json`. Async iterables become arrays, whose entries are written as they come. */
  readonly document: unknown;
  readonly text: () => string | Promise<string>;
}

/** Makes the function that configures the command. */
export function taskCommand<Options>({ options, required, examples, run }: TaskCommand<Options>) {
  return (command: Command, terminal: Terminal): void => {
    if (required.length > 0) requireOptions(command, required);
    for (const option of options) command.addOption(option);
    addInferenceOptions(command)
      .addHelpText("after", exampleText(examples))
      .action(async (given: InferenceOptions & Options) => {
        const { document, text } = await run(given, terminal, async (...prepare) => {
          const { BridgeTower } = await import("../../inference/index.js");
          return BridgeTower.fromPretrained(given.model, {
            ...loadOptions(given, terminal),
            prepare,
            onPhotograph: (image) => {
              // Always a path: images come from the command line.
              if (typeof image === "string") terminal.warnOutOfDomain(image);
            },
          });
        });
        const show = () => terminal.show(given.json, document, text);
        // Ctrl-C completes a document that is being written.
        await (given.json === true ? terminal.interrupts.whileWriting(show) : show());
      });
  };
}

const imageOption = () => single("--image <file>", "image");
const topKOption = (what: string) => single("--top-k <k>", `${what} (default: 5)`, wholeNumber(1));

interface MatchOptions {
  readonly image: readonly string[];
  readonly text: readonly string[];
  readonly json?: boolean;
}

export const match = taskCommand<MatchOptions>({
  options: [
    repeated("--image <file>", "image, or folder of images; may be repeated"),
    repeated("--text <text>", "text, or - for lines of standard input; may be repeated"),
  ],
  required: ["image", "text"],
  examples: ["match --image photo.png --text 'a fox left of a moose' --text 'a tower on a hill'"],
  async run({ image, text, json }, terminal, open) {
    const images = await imageFiles(image, terminal.warn);
    const texts = await readTexts(text, terminal.stdin);
    const model = await open("match");
    const onBrokenImage = brokenImages(terminal, images.length);
    // A table is sorted, and needs all of them. A document gets them as they are computed.
    const options = () => ({ onProgress: terminal.progress.start("pairs"), onBrokenImage });
    const sorted = json === true ? [] : await model.match(images, texts, options());
    const counts = { written: 0, all: images.length * texts.length, what: "scores" };
    const entries = async function* () {
      const scores = untilInterrupted(terminal, counts, "pairs", (options) =>
        model.streamMatch(images, texts, { ...options, onBrokenImage }),
      );
      for await (const { image, text, logits, probability } of scores) {
        yield { image: images[image]!, text: texts[text]!, logits, probability };
      }
    };
    return { document: { scores: entries() }, text: () => grouped(sorted, images, texts, terminal.style) };
  },
});

/**
 * The results of a stream until Ctrl-C: what was computed until then is kept as a complete document, and the number is logged.
 * @param counts   results of all streams of the document: written so far, and all
 * @param label    of the progress
 * @param resultsOf starts the stream
 */
export async function* untilInterrupted<T>(
  terminal: Terminal,
  counts: { written: number; readonly all: number; readonly what: string },
  label: string,
  resultsOf: (options: Progress) => AsyncIterable<T>,
): AsyncGenerator<T, void> {
  const { signal } = terminal.interrupts;
  if (signal.aborted) return;
  try {
    for await (const result of resultsOf({ signal, onProgress: terminal.progress.start(label) })) {
      counts.written++;
      yield result;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    terminal.log(`bridgetower: interrupted: ${counts.written} of ${counts.all} ${counts.what} were written`);
  }
}

/**
 * Prints the error of each broken image, once. The command continues with the others.
 * @param count fails the command with the error of the last image if this many are broken
 */
export function brokenImages(terminal: Terminal, count: number): (error: InputError, index: number) => void {
  const broken = new Set<number>();
  return (error, index) => {
    if (broken.has(index)) return;
    broken.add(index);
    if (broken.size === count) throw error;
    terminal.fileFailed(error);
  };
}

/** A heading for each image and its texts below, best first; for one text and many images the other way round. */
function grouped(
  scores: readonly MatchScore[],
  images: readonly string[],
  texts: readonly string[],
  style: TableOptions,
): string {
  const [outer, inner] =
    texts.length === 1 && images.length > 1 ? (["text", "image"] as const) : (["image", "text"] as const);
  const names = { image: images, text: texts };
  // Broken images have no scores.
  const size = outer === "text" ? scores.length : texts.length;
  const groups = Array.from({ length: scores.length / size }, (_, group) => {
    const heading = names[outer][scores[group * size]![outer]]!;
    const entries = scores
      .slice(group * size, (group + 1) * size)
      .sort((a, b) => b.probability - a.probability)
      .map((score) => ({ name: names[inner][score[inner]]!, probability: score.probability }));
    return probabilityTable(heading, entries, style);
  });
  return groups.join("\n");
}

export const fillMask = taskCommand<{ readonly image: string; readonly text: string; readonly topK?: number }>({
  options: [
    imageOption(),
    single("--text <text>", "text with <mask> for each missing word, or - for a line of standard input"),
    topKOption("candidates for each mask"),
  ],
  required: ["image", "text"],
  examples: ["fill-mask --image photo.png --text 'a <mask> left of a <mask>' --top-k 3"],
  async run({ image, text: given, topK }, terminal, open) {
    const text = await readText(given, terminal.stdin);
    const filled = await (await open("fillMask")).fillMask(image, text, { topK });
    return { document: filled, text: () => candidates(filled, terminal.style) };
  },
});

function candidates({ sentence, masks }: FilledMask, style: TableOptions): string {
  const lists = masks.map(({ predictions }, i) => {
    const rows = predictions.map(({ token, probability }, rank) => ({
      // In quotes: a leading space distinguishes a whole word from the end of one.
      cells: [percent(probability), bar(probability), `"${escapeControlChars(token)}"`],
      strong: rank === 0,
    }));
    return `\nmask ${i + 1}\n${table(rows, { ...style, right: [0], indent: 2 })}`;
  });
  return `sentence: ${escapeControlChars(sentence)}\n${lists.join("")}`;
}

export const answer = taskCommand<{ readonly image: string; readonly question: string; readonly topK?: number }>({
  options: [
    imageOption(),
    single("--question <text>", "question about the image, or - for a line of standard input"),
    topKOption("answers to show"),
  ],
  required: ["image", "question"],
  examples: ["answer --image photo.png --question 'how many foxes are there?' --top-k 3"],
  async run({ image, question: given, topK }, terminal, open) {
    const question = await readText(given, terminal.stdin);
    const answers = await (await open("answer")).answer(image, question, { topK });
    const entries = answers.map(({ answer: name, probability }) => ({ name, probability }));
    return { document: { question, answers }, text: () => probabilityTable(question, entries, terminal.style) };
  },
});

export const entail = taskCommand<{ readonly image: string; readonly hypothesis: string }>({
  options: [
    imageOption(),
    single("--hypothesis <text>", "statement about the image, or - for a line of standard input"),
  ],
  required: ["image", "hypothesis"],
  examples: ["entail --model snli-ve/ --image photo.png --hypothesis 'an animal is outdoors'"],
  async run({ image, hypothesis: given }, terminal, open) {
    const hypothesis = await readText(given, terminal.stdin);
    const labels = await (await open("entail")).entail(image, hypothesis);
    const entries = labels.map(({ label: name, probability }) => ({ name, probability }));
    return { document: { hypothesis, labels }, text: () => probabilityTable(hypothesis, entries, terminal.style) };
  },
});

export const compare = taskCommand<{ readonly image: readonly string[]; readonly statement: string }>({
  options: [
    repeated("--image <file>", "image; given twice, the left one first"),
    single("--statement <text>", "statement about both, or - for a line of standard input"),
  ],
  required: ["image", "statement"],
  examples: ["compare --model nlvr2/ --image left.png --image right.png --statement 'both show a fox'"],
  async run({ image, statement: given }, terminal, open) {
    const [left, right] = twoImages(image);
    const statement = await readText(given, terminal.stdin);
    const probability = await (await open("compare")).compare(left, right, statement);
    const entries = [{ name: "true", probability }];
    return { document: { statement, probability }, text: () => probabilityTable(statement, entries, terminal.style) };
  },
});

function twoImages(images: readonly string[]): readonly [string, string] {
  const [left, right, ...others] = images;
  if (left !== undefined && right !== undefined && others.length === 0) return [left, right];
  throw new UsageError({
    where: "--image",
    expected: "two images to compare",
    found: String(images.length),
    hint: "Give --image twice",
  });
}
