import { Option } from "commander";
import type { Task } from "../../inference/index.js";
import { imageFiles, readTexts } from "../command-inputs.js";
import { repeated, UsageError } from "../options.js";
import { taskCommand } from "./tasks.js";
import { table, type TableOptions } from "../terminal/table.js";
import { escapeControlChars } from "../terminal/text.js";

interface EmbedOptions {
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

export const embed = taskCommand<EmbedOptions>({
  options: [
    repeated("--image <file>", "image, or folder of images; may be repeated"),
    repeated("--text <text>", "text, or - for lines of standard input; may be repeated"),
    new Option("--pairs", "also embed the i-th image and the i-th text together"),
  ],
  required: [],
  examples: [
    "embed --image photos/ --json > photos.json",
    "embed --image photo.png --text 'a fox left of a moose' --pairs --json",
  ],
  async run({ image = [], text = [], pairs = false }, terminal, open) {
    if (image.length + text.length === 0) {
      throw new UsageError({
        where: "embed",
        expected: "images or texts to embed",
        found: "none",
        hint: "Give --image or --text",
      });
    }
    const images = await imageFiles(image, terminal.warn);
    const texts = await readTexts(text, terminal.stdin);
    if (pairs && images.length !== texts.length) {
      throw new UsageError({
        where: "--pairs",
        expected: "as many images as texts: the i-th image is embedded with the i-th text",
        found: `images: ${images.length}, texts: ${texts.length}`,
      });
    }
    const tasks: readonly Task[] = [
      ...(images.length > 0 ? (["embedImage"] as const) : []),
      ...(texts.length > 0 ? (["embedText"] as const) : []),
      ...(pairs ? (["embedPair"] as const) : []),
    ];
    const model = await open(...tasks);
    const progress = (label: string) => ({ onProgress: terminal.progress.start(label) });
    const ofImages = await model.embedImage(images, progress("images"));
    const ofTexts = await model.embedText(texts, progress("texts"));
    const ofPairs = pairs ? await model.embedPair(images, texts, progress("pairs")) : undefined;
    const document: Embeddings = {
      dimensions: (ofImages[0] ?? ofTexts[0])!.length,
      images: ofImages.map((embedding, i) => ({ image: images[i]!, embedding: Array.from(embedding) })),
      texts: ofTexts.map((embedding, i) => ({ text: texts[i]!, embedding: Array.from(embedding) })),
      pairs: ofPairs?.map((embedding, i) => ({ image: images[i]!, text: texts[i]!, embedding: Array.from(embedding) })),
    };
    return { document, text: () => preview(document, terminal.style) };
  },
});

const valuesShown = 4;

function preview({ dimensions, images, texts, pairs = [] }: Embeddings, style: TableOptions): string {
  const row = (kind: string, embedding: readonly number[], name: string) => {
    const values = embedding.slice(0, valuesShown).map((value) => value.toFixed(3).padStart(6));
    return { cells: [kind, `${values.join(" ")} …`, escapeControlChars(name)] };
  };
  const rows = [
    ...images.map(({ image, embedding }) => row("image", embedding, image)),
    ...texts.map(({ text, embedding }) => row("text", embedding, text)),
    ...pairs.map(({ image, text, embedding }) => row("pair", embedding, `${image} + ${text}`)),
  ];
  const heading = `${dimensions} dimensions; the first ${valuesShown} are shown, --json gives all`;
  return `${heading}\n${table(rows, { ...style, indent: 2 })}`;
}
