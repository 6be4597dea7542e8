import type { Command } from "commander";
import { addCommonOptions, repeated, taskOptions, type CommonOptions } from "../options.js";
import { imageFiles } from "../image-files.js";
import { table } from "../terminal/table.js";
import type { Task } from "../../inference/index.js";
import type { Terminal } from "../terminal/terminal.js";
import { readTexts } from "../texts.js";
import { UsageError } from "../usage-error.js";
import { visible } from "../terminal/escape-control-chars.js";

interface EmbedOptions extends CommonOptions {
  readonly image?: readonly string[];
  readonly text?: readonly string[];
  readonly pairs?: boolean;
}

interface Embeddings {
  readonly dimensions: number;
  readonly images: readonly { readonly image: string; readonly embedding: readonly number[] }[];
  readonly texts: readonly { readonly text: string; readonly embedding: readonly number[] }[];
  readonly pairs?: readonly { readonly image: string; readonly text: string; readonly embedding: readonly number[] }[];
}

export function configure(command: Command, terminal: Terminal): void {
  addCommonOptions(
    command
      .addOption(repeated("--image <file>", "image, or folder of images; may be repeated"))
      .addOption(repeated("--text <text>", "text, or - for lines of standard input; may be repeated"))
      .option("--pairs", "also embed the i-th image and the i-th text together"),
  )
    .addHelpText(
      "after",
      "\nExamples:\n  $ bridgetower embed --image photos/ --json > photos.json\n" +
        "  $ bridgetower embed --image photo.png --text 'a fox left of a moose' --pairs --json",
    )
    .action(async (options: EmbedOptions) => {
      const { image = [], text = [] } = options;
      if (image.length + text.length === 0) {
        throw new UsageError({
          code: "invalid-usage",
          where: "embed",
          expected: "images or texts to embed",
          found: "none",
          hint: "Give --image or --text",
        });
      }
      const images = await imageFiles(image);
      const texts = await readTexts(text, terminal.stdin);
      if (options.pairs === true && images.length !== texts.length) {
        throw new UsageError({
          code: "invalid-usage",
          where: "--pairs",
          expected: "as many images as texts: the i-th goes with the i-th",
          found: `images: ${images.length}, texts: ${texts.length}`,
        });
      }
      const document = await embed(images, texts, options, terminal);
      terminal.show(options.json, document, () => beginnings(document, terminal));
    });
}

async function embed(
  images: readonly string[],
  texts: readonly string[],
  options: EmbedOptions,
  terminal: Terminal,
): Promise<Embeddings> {
  const { BridgeTower } = await import("../../inference/index.js");
  const prepare: readonly Task[] = [
    ...(images.length > 0 ? (["embedImage"] as const) : []),
    ...(texts.length > 0 ? (["embedText"] as const) : []),
    ...(options.pairs === true ? (["embedPair"] as const) : []),
  ];
  const model = await BridgeTower.fromPretrained(options.model, taskOptions(options, terminal, prepare));
  const progress = (label: string) => ({ onProgress: terminal.progress.start(label) });
  const ofImages = await model.embedImage(images, progress("images"));
  const ofTexts = await model.embedText(texts, progress("texts"));
  const ofPairs = options.pairs === true ? await model.embedPair(images, texts, progress("pairs")) : undefined;
  return {
    dimensions: (ofImages[0] ?? ofTexts[0])!.length,
    images: ofImages.map((embedding, i) => ({ image: images[i]!, embedding: Array.from(embedding) })),
    texts: ofTexts.map((embedding, i) => ({ text: texts[i]!, embedding: Array.from(embedding) })),
    pairs: ofPairs?.map((embedding, i) => ({ image: images[i]!, text: texts[i]!, embedding: Array.from(embedding) })),
  };
}

const valuesShown = 4;

function beginnings({ dimensions, images, texts, pairs = [] }: Embeddings, terminal: Terminal): string {
  const row = (kind: string, embedding: readonly number[], name: string) => {
    const values = embedding.slice(0, valuesShown).map((value) => value.toFixed(3).padStart(6));
    return { cells: [kind, `${values.join(" ")} …`, visible(name)] };
  };
  const rows = [
    ...images.map(({ image, embedding }) => row("image", embedding, image)),
    ...texts.map(({ text, embedding }) => row("text", embedding, text)),
    ...pairs.map(({ image, text, embedding }) => row("pair", embedding, `${image} + ${text}`)),
  ];
  const heading = `${dimensions} dimensions; the first ${valuesShown} are shown, --json gives all`;
  return `${heading}\n${table(rows, { ...terminal.style, indent: 2 })}`;
}
