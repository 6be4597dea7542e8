/**
 * Writes a checkpoint of a published size with random weights and a synthetic tokenizer of the published vocabulary size,
 * for measurements without the real files.
 *
 *   npx tsx scripts/make-checkpoint.ts base|large FOLDER
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tinyWeight } from "../fixtures/tiny-weights.js";
import { writeSafetensors, type WritableTensor } from "../src/checkpoint/index.js";
import { parameterList, parseConfig } from "../src/model/index.js";

/** Sizes of BridgeTower/bridgetower-base-itm-mlm and -large-itm-mlm-itc, as sparse as their own files. */
const sizes = {
  base: { config: {}, image_size: 288 },
  large: {
    config: {
      hidden_size: 1024,
      num_attention_heads: 16,
      text_config: { hidden_size: 1024, num_hidden_layers: 24, num_attention_heads: 16, intermediate_size: 4096 },
      vision_config: { hidden_size: 1024, num_hidden_layers: 24, patch_size: 14, image_size: 294 },
    },
    image_size: 294,
  },
};

const [size, folder] = process.argv.slice(2);
if ((size !== "base" && size !== "large") || folder === undefined) {
  console.error("usage: npx tsx scripts/make-checkpoint.ts base|large FOLDER");
  process.exit(2);
}

const { config, image_size } = sizes[size];
const json = {
  model_type: "bridgetower",
  architectures: ["BridgeTowerForContrastiveLearning"],
  contrastive_hidden_size: 512,
  logit_scale_init_value: 2.6592,
  ...config,
};
await mkdir(folder, { recursive: true });
const write = (name: string, content: unknown) => writeFile(join(folder, name), JSON.stringify(content));
await write("config.json", json);
await write("preprocessor_config.json", {
  size: { shortest_edge: image_size },
  crop_size: { shortest_edge: image_size },
});
await write("tokenizer.json", tokenizer(50_265));
await write("tokenizer_config.json", { model_max_length: 512, tokenizer_class: "RobertaTokenizer" });

const { used, unused } = parameterList(parseConfig(json), ["itm", "mlm", "itc"]);
const head = /^(itm_score|mlm_score|itc_\w+_head|logit_scale)/;
const tensors = new Map<string, WritableTensor>();
for (const { name, shape } of [...used, ...unused]) {
  const concrete = shape;
  tensors.set(head.test(name) ? name : `bridgetower.${name}`, {
    dtype: "float32",
    shape: concrete,
    // eslint-disable-next-line @typescript-eslint/require-await -- the writer takes streams
    data: async function* () {
      yield new Uint8Array(tinyWeight(name, concrete).buffer);
    },
  });
}
await writeSafetensors(join(folder, "model.safetensors"), tensors);

/** A byte-level BPE of `vocabularySize` tokens whose merges spell runs of lower-case letters, with and without a space. */
function tokenizer(vocabularySize: number): unknown {
  const printable = [...Array(256).keys()].filter((b) => (b >= 33 && b <= 126) || (b >= 161 && b !== 173));
  const others = [...Array(256).keys()].filter((b) => !printable.includes(b));
  const bytes = [
    ...printable.map((b) => String.fromCodePoint(b)),
    ...others.map((_, i) => String.fromCodePoint(0x100 + i)),
  ];
  const special = ["<s>", "<pad>", "</s>", "<unk>"];
  const vocabulary = [...special, ...bytes];
  const merges: string[] = [];
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  let level = ["Ġ", ...letters];
  while (vocabulary.length < vocabularySize - 1) {
    const next: string[] = [];
    for (const left of level) {
      for (const right of letters) {
        if (vocabulary.length === vocabularySize - 1) break;
        merges.push(`${left} ${right}`);
        vocabulary.push(left + right);
        next.push(left + right);
      }
    }
    level = next;
  }
  vocabulary.push("<mask>");
  const added = [...special, "<mask>"].map((content) => ({
    id: vocabulary.indexOf(content),
    content,
    single_word: false,
    lstrip: content === "<mask>",
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: "RobertaProcessing",
      sep: ["</s>", 2],
      cls: ["<s>", 0],
      trim_offsets: true,
      add_prefix_space: false,
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
      merges,
    },
  };
}
