import { Option } from "commander";
import type { IndexedEmbedding, Progress, Task } from "../../inference/index.js";
import { imageFiles, readTexts } from "../command-inputs.js";
import { repeated, UsageError } from "../options.js";
import { brokenImages, taskCommand, untilInterrupted } from "./tasks.js";
import { table, type Row, type TableOptions } from "../terminal/table.js";
import { escapeControlChars } from "../terminal/text.js";

interface EmbedOptions {
  readonly image?: readonly string[];
  readonly text?: readonly string[];
  readonly pairs?: boolean;
}

/** The results. They are computed as they are read, once, in the order of the keys. */
interface Embeddings {
  readonly dimensions: number;
  readonly images: AsyncIterable<Entry<{ readonly image: string }>>;
  readonly texts: AsyncIterable<Entry<{ readonly text: string }>>;
  readonly pairs?: AsyncIterable<Entry<{ readonly image: string; readonly text: string }>> | undefined;
}

type Entry<Input> = Input & { readonly embedding: readonly number[] };

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
        expected: "one text per image: the i-th image is embedded with the i-th text",
        found: `images: ${images.length}, texts: ${texts.length}`,
      });
    }
    const tasks: readonly Task[] = [
      ...(images.length > 0 ? (["embedImage"] as const) : []),
      ...(texts.length > 0 ? (["embedText"] as const) : []),
      ...(pairs ? (["embedPair"] as const) : []),
    ];
    const model = await open(...tasks);
    // If no image can be read and there is no other result, the command fails with the last error.
    const onBrokenImage = brokenImages(terminal, texts.length === 0 ? images.length : Infinity);
    const counts = { written: 0, all: images.length + texts.length + (pairs ? texts.length : 0), what: "embeddings" };
    const entries = async function* <Input>(
      label: string,
      stream: (options: Progress) => AsyncIterable<IndexedEmbedding>,
      inputOf: (index: number) => Input,
    ): AsyncGenerator<Entry<Input>, void> {
      for await (const [index, embedding] of untilInterrupted(terminal, counts, label, stream)) {
        yield { ...inputOf(index), embedding: Array.from(embedding) };
      }
    };
    const document: Embeddings = {
      // Every model with the heads of these tasks has it.
      dimensions: model.config.contrastive_hidden_size!,
      images: entries(
        "images",
        (options) => model.streamImageEmbeddings(images, { ...options, onBrokenImage }),
        (i) => ({ image: images[i]! }),
      ),
      texts: entries(
        "texts",
        (options) => model.streamTextEmbeddings(texts, options),
        (i) => ({ text: texts[i]! }),
      ),
      pairs: pairs
        ? entries(
            "pairs",
            (options) => model.streamPairEmbeddings(images, texts, { ...options, onBrokenImage }),
            (i) => ({ image: images[i]!, text: texts[i]! }),
          )
        : undefined,
    };
    return { document, text: () => preview(document, terminal.style) };
  },
});

const valuesShown = 4;

async function preview({ dimensions, images, texts, pairs }: Embeddings, style: TableOptions): Promise<string> {
  const rows: Row[] = [];
  const add = (kind: string, embedding: readonly number[], name: string) => {
    const values = embedding.slice(0, valuesShown).map((value) => value.toFixed(3).padStart(6));
    rows.push({ cells: [kind, `${values.join(" ")} …`, escapeControlChars(name)] });
  };
  for await (const { image, embedding } of images) add("image", embedding, image);
  for await (const { text, embedding } of texts) add("text", embedding, text);
  for await (const { image, text, embedding } of pairs ?? []) add("pair", embedding, `${image} + ${text}`);
  const heading = `${dimensions} dimensions; the first ${valuesShown} are shown, --json gives all`;
  return `${heading}\n${table(rows, { ...style, indent: 2 })}`;
}
