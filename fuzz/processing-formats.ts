/** What prepares the inputs of a model: images, tokenizers, and the settings in config.json and preprocessor_config.json. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { readJsonObject } from "../src/files/index.js";
import { readAnswerList } from "../src/checkpoint/index.js";
import { parseConfig } from "../src/model/index.js";
import { decodeImage, ImageProcessor, Tokenizer } from "../src/processing/index.js";
import { type Format, plainBound } from "./format.js";
import { mutateImage } from "./image-mutations.js";
import { fixture, jsonFormat } from "./sample-files.js";
import { mutateText } from "./table-mutations.js";

const processing = (...path: readonly string[]) => fixture("fixtures/data/processing", ...path);
const packaged = (name: string) => fixture("models/emoji", name);

const texts = ["", "two cats", " a  b\n", "<s>x</s> <mask> <pad>", "日本 😀 \ud800 é", "a".repeat(300)];

/** Encodes texts and decodes their tokens. */
async function useTokenizer(path: string): Promise<void> {
  const tokenizer = await Tokenizer.fromFolder(join(path, ".."));
  for (const text of texts) tokenizer.decode(tokenizer.encode(text).ids);
  tokenizer.encodeBatch(texts, { padding: "longest", maxLength: 16 });
}

const maxPixels = 2 ** 22;

/** A small image in place of a photo: settings decide how it is resized, cropped and padded. */
const image = { width: 40, height: 30, data: new Uint8Array(40 * 30 * 3).fill(100) };

/** Large sizes are valid and only take long. */
async function useImageProcessor(path: string): Promise<void> {
  const processor = await ImageProcessor.fromFolder(join(path, ".."));
  const { size, crop_size, size_divisor } = processor.settings;
  if (Math.max(size.shortest_edge, crop_size.shortest_edge, size_divisor) <= 256) await processor.preprocess([image]);
}

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
const tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "b", "c", "ab", "abc", "Ġ", "Ġa"];
const special = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: content === "<mask>",
  special: true,
});

/** A tokenizer.json of a dozen tokens. */
const smallTokenizer = {
  version: "1.0",
  truncation: null,
  added_tokens: tokens.slice(0, 5).map(special),
  normalizer: { type: "Sequence", normalizers: [{ type: "NFC" }, { type: "Lowercase" }] },
  pre_tokenizer: byteLevel,
  post_processor: { type: "RobertaProcessing", sep: ["</s>", 2], cls: ["<s>", 0], trim_offsets: true },
  decoder: byteLevel,
  model: {
    type: "BPE",
    unk_token: "<unk>",
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges: ["a b", ["ab", "c"], "Ġ a"],
  },
};

const tokenizerFiles = (...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, processing("roberta", name)]));

const images: readonly string[] = [".png", ".jpg", ".gif", ".webp", ".tif", ".avif"];

const imageFormat = (name: string, endings: readonly string[]): Format => ({
  name,
  file: "image",
  samples: async () => {
    const folder = processing("images");
    const names = (await readdir(folder)).filter((file) => endings.some((ending) => file.endsWith(ending))).sort();
    return Promise.all(names.map((file) => readFile(join(folder, file))));
  },
  mutate: mutateImage,
  read: async (path) => void (await decodeImage(path, { maxPixels })),
  // The decoder holds some rows or all pixels at up to 16 bits and four channels, beside the result.
  bound: { constant: plainBound.constant + 24 * maxPixels, perByte: plainBound.perByte },
});

export const processingFormats: readonly Format[] = [
  jsonFormat({
    name: "tokenizer",
    file: "tokenizer.json",
    samples: [smallTokenizer, smallTokenizer, processing("variant", "tokenizer.json")],
    read: useTokenizer,
  }),
  jsonFormat({
    name: "vocab",
    file: "vocab.json",
    others: tokenizerFiles("merges.txt", "tokenizer_config.json", "special_tokens_map.json"),
    samples: [processing("roberta", "vocab.json")],
    read: useTokenizer,
  }),
  {
    name: "merges",
    file: "merges.txt",
    others: tokenizerFiles("vocab.json", "tokenizer_config.json", "special_tokens_map.json"),
    samples: async () => [await readFile(processing("roberta", "merges.txt"))],
    mutate: mutateText,
    read: useTokenizer,
    bound: plainBound,
  },
  jsonFormat({
    name: "tokenizer-config",
    file: "tokenizer_config.json",
    others: tokenizerFiles("vocab.json", "merges.txt"),
    samples: [
      packaged("tokenizer_config.json"),
      processing("roberta", "tokenizer_config.json"),
      {
        model_max_length: 40,
        mask_token: { content: "<mask>", lstrip: true },
        added_tokens_decoder: { 900: { content: "<new>", special: true }, 901: { content: "xy", normalized: true } },
      },
    ],
    read: useTokenizer,
  }),
  jsonFormat({
    name: "config",
    file: "config.json",
    samples: [
      packaged("config.json"),
      {
        model_type: "bridgetower",
        text_config: { vocab_size: 100 },
        vision_config: { image_size: 32 },
      },
      { model_type: "meter", id2label: { 0: "no", 1: "yes" } },
    ],
    read: async (path) => void parseConfig(await readJsonObject(path), path),
  }),
  jsonFormat({
    name: "answers",
    file: "answers.json",
    samples: [["yes", "no", "red"], { 0: "yes", 1: "no", 2: "red" }],
    read: async (path) => void (await readAnswerList(path)),
  }),
  jsonFormat({
    name: "preprocessor",
    file: "preprocessor_config.json",
    samples: [
      packaged("preprocessor_config.json"),
      {
        size: { shortest_edge: 64 },
        size_divisor: 32,
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.5, 0.5, 0.5],
        resample: 2,
      },
      { size: 32, crop_size: { height: 32, width: 32 }, do_pad: false, rescale_factor: 0.00392156862745098 },
    ],
    read: useImageProcessor,
  }),
  imageFormat("png", [".png"]),
  imageFormat(
    "image",
    images.filter((ending) => ending !== ".png"),
  ),
];
