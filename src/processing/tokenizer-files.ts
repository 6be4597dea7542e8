/**
 * A folder's tokenizer files, checked: `tokenizer.json`, or `vocab.json` with `merges.txt`; beside them `tokenizer_config.json`,
 * `special_tokens_map.json` and `added_tokens.json`. Only RoBERTa's kind of tokenizer is accepted.
 */
import { describe, isObject, type JsonObject, readJsonObjectIfPresent, readTextIfPresent } from "../files/index.js";
import { join } from "node:path";
import { InputError, shortJson } from "../errors.js";
import type { AddedToken } from "./added-tokens.js";
import type { BpeModel } from "./bpe.js";

import { readBpeModel, readMergeLines } from "./bpe-files.js";
import { type Normalize, readPipeline } from "./tokenizer-pipeline.js";

/** The tokens with a special role, by id. */
export interface SpecialIds {
  readonly bos: number;
  readonly eos: number;
  readonly pad: number;
  readonly mask: number;
}

export interface TokenizerDefinition {
  readonly bpe: BpeModel;
  readonly addedTokens: readonly AddedToken[];
  readonly normalize: Normalize;
  readonly addPrefixSpace: boolean;
  /** The special tokens around a text: `<cls> … <sep>`. */
  readonly frame: { readonly cls: number; readonly sep: number };
  readonly special: SpecialIds;
  /** Maximum number of tokens that the model takes; Infinity if the files do not say. */
  readonly modelMaxLength: number;
}

const maxTokenizerConfigBytes = 2 ** 22;
const maxVocabBytes = 2 ** 26;

/** Reads and checks a folder's tokenizer files. @throws InputError missing, damaged or unsupported files */
export async function readTokenizerFiles(folder: string): Promise<TokenizerDefinition> {
  const configPath = join(folder, "tokenizer_config.json");
  const config = (await readJsonObjectIfPresent(configPath, { maxBytes: maxTokenizerConfigBytes })) ?? {};
  const map =
    (await readJsonObjectIfPresent(join(folder, "special_tokens_map.json"), { maxBytes: maxTokenizerConfigBytes })) ??
    {};
  const names = specialNames(config, map);
  const modelMaxLength = maxLengthOf(config, configPath);
  const further = await readFurtherTokens(folder, config, names);
  const path = join(folder, "tokenizer.json");
  const file = await readJsonObjectIfPresent(path, { maxBytes: maxVocabBytes });
  if (file !== undefined) {
    const { bpe, addedTokens, normalize, addPrefixSpace, frame } = readTokenizerJson(file, path);
    const complete = withSpecials(withFurther(addedTokens, further, bpe.vocab), names, bpe.vocab);
    return {
      bpe,
      addedTokens: complete,
      normalize,
      addPrefixSpace: typeof config.add_prefix_space === "boolean" ? config.add_prefix_space : addPrefixSpace,
      frame,
      special: specialIds(names, complete, bpe.vocab, path),
      modelMaxLength,
    };
  }
  const vocabPath = join(folder, "vocab.json");
  const bpe = await readVocabAndMerges(folder, vocabPath);
  const addedTokens = withSpecials(withFurther([], further, bpe.vocab), names, bpe.vocab);
  const special = specialIds(names, addedTokens, bpe.vocab, vocabPath);
  return {
    bpe,
    addedTokens,
    normalize: (text) => text,
    addPrefixSpace: config.add_prefix_space === true,
    frame: { cls: bpe.vocab.get(names.cls) ?? special.bos, sep: bpe.vocab.get(names.sep) ?? special.eos },
    special,
    modelMaxLength,
  };
}

function readTokenizerJson(file: JsonObject, path: string) {
  // `truncation` and `padding` of the file are those that its writer used last. They are ignored; the caller's options are used.
  const bpe = readBpeModel(file.model, path);
  return { bpe, ...readPipeline(file, bpe.vocab, path), addedTokens: readAddedTokens(file.added_tokens, path) };
}

async function readVocabAndMerges(folder: string, vocabPath: string): Promise<BpeModel> {
  const mergesPath = join(folder, "merges.txt");
  const vocab = await readJsonObjectIfPresent(vocabPath, { maxBytes: maxVocabBytes });
  const merges = await readTextIfPresent(mergesPath, maxVocabBytes);
  if (vocab === undefined || merges === undefined) {
    throw new InputError({
      code: "file-not-found",
      where: folder,
      expected: "tokenizer.json, or vocab.json and merges.txt",
      found: vocab !== undefined ? "vocab.json alone" : merges !== undefined ? "merges.txt alone" : "none of them",
      hint: "Download the tokenizer files that were published with the model",
    });
  }
  const model = { type: "BPE", vocab, merges: readMergeLines(merges) };
  return readBpeModel(model, vocabPath, mergesPath);
}

const flags = ["single_word", "lstrip", "rstrip", "normalized", "special"] as const;

function readAddedTokens(value: unknown, path: string): AddedToken[] {
  const list: unknown = value ?? [];
  if (!Array.isArray(list)) {
    throw new InputError({
      code: "invalid-config",
      where: `${path}: added_tokens`,
      expected: "a list",
      found: "another value",
    });
  }
  return list.map((entry: unknown, index) => readAddedToken(entry, `${path}: added_tokens[${index}]`));
}

function readAddedToken(entry: unknown, where: string): AddedToken {
  const fits =
    isObject(entry) &&
    typeof entry.content === "string" &&
    Number.isInteger(entry.id) &&
    Number(entry.id) >= 0 &&
    Number(entry.id) < 2 ** 24 &&
    flags.every((flag) => entry[flag] === undefined || typeof entry[flag] === "boolean");
  if (!fits) {
    const expected = "an id, a content and flags that are true or false";
    throw new InputError({ code: "invalid-config", where, expected, found: "another entry" });
  }
  return addedToken(Number(entry.id), String(entry.content), {
    single_word: entry.single_word === true,
    lstrip: entry.lstrip === true,
    rstrip: entry.rstrip === true,
    normalized: entry.normalized === true,
    special: entry.special === true,
  });
}

/** Tokens that were added to a tokenizer after its training, and the file that lists them. */
interface FurtherTokens {
  readonly where: string;
  readonly tokens: readonly AddedToken[];
}

/** `added_tokens_decoder` of `tokenizer_config.json`, or else `added_tokens.json` of older versions, as in transformers 5.23. */
async function readFurtherTokens(folder: string, config: JsonObject, names: SpecialNames): Promise<FurtherTokens> {
  const decoder = config.added_tokens_decoder;
  if (decoder !== undefined) {
    const where = `${join(folder, "tokenizer_config.json")}: added_tokens_decoder`;
    if (!isObject(decoder)) {
      throw new InputError({ code: "invalid-config", where, expected: "an object", found: describe(decoder) });
    }
    const tokens = Object.entries(decoder).map(([id, entry]) => {
      const fields = isObject(entry) ? entry : {};
      return readAddedToken(
        { ...fields, id: /^\d+$/.test(id) ? Number(id) : undefined },
        `${where}.${id.slice(0, 40)}`,
      );
    });
    return { where, tokens };
  }
  const where = join(folder, "added_tokens.json");
  const ids = (await readJsonObjectIfPresent(where, { maxBytes: maxTokenizerConfigBytes })) ?? {};
  const tokens = Object.entries(ids).map(([content, id]) => {
    const special = Object.values(names).includes(content);
    const fields = { normalized: !special, special, lstrip: content === names.mask };
    return readAddedToken({ ...fields, content, id }, `${where}: ${content.slice(0, 100)}`);
  });
  return { where, tokens };
}

/**
 * The listed tokens and the further ones that are not among them.
 * @throws InputError if a further token has the id of another one, or another id than in the vocabulary
 */
function withFurther(
  listed: readonly AddedToken[],
  { where, tokens }: FurtherTokens,
  vocab: ReadonlyMap<string, number>,
): readonly AddedToken[] {
  if (tokens.length === 0) return listed;
  const known = new Set(listed.map(({ content }) => content));
  const further = tokens.filter(({ content }) => !known.has(content));
  const byId = new Map([...vocab].map(([content, id]) => [id, content]));
  for (const { content, id } of listed) byId.set(id, content);
  for (const { content, id } of further) {
    const holder = byId.get(id) ?? content;
    const expected = vocab.get(content) ?? id;
    if (holder !== content || expected !== id) {
      throw new InputError({
        code: "invalid-config",
        where: `${where}: ${content.slice(0, 100)}`,
        expected: holder === content ? `the id ${expected} of the vocabulary` : "an id that no other token has",
        found: holder === content ? String(id) : `${id}, which is ${holder.slice(0, 100)}`,
        hint: "Use the tokenizer files that were published together",
      });
    }
    byId.set(id, content);
  }
  return [...listed, ...further];
}

function addedToken(id: number, content: string, chosen: Partial<AddedToken>): AddedToken {
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return { ...plain, ...chosen, id, content };
}

const defaultNames = { bos: "<s>", eos: "</s>", cls: "<s>", sep: "</s>", pad: "<pad>", unk: "<unk>", mask: "<mask>" };
type SpecialNames = typeof defaultNames;

function specialNames(config: JsonObject, map: JsonObject): SpecialNames {
  const name = (key: keyof SpecialNames): string =>
    contentOf(config[`${key}_token`]) ?? contentOf(map[`${key}_token`]) ?? defaultNames[key];
  return {
    bos: name("bos"),
    eos: name("eos"),
    cls: name("cls"),
    sep: name("sep"),
    pad: name("pad"),
    unk: name("unk"),
    mask: name("mask"),
  };
}

/** A token given as a string or as an object with a content. */
function contentOf(value: unknown): string | undefined {
  const content = isObject(value) ? value.content : value;
  return typeof content === "string" ? content : undefined;
}

/** Special tokens of the vocabulary that the file does not list are special all the same. */
function withSpecials(
  listed: readonly AddedToken[],
  names: SpecialNames,
  vocab: ReadonlyMap<string, number>,
): readonly AddedToken[] {
  const known = new Set(listed.map((token) => token.content));
  const missing = [...new Set(Object.values(names))].flatMap((name) => {
    const id = known.has(name) ? undefined : vocab.get(name);
    // Published vocab.json files cannot say that <mask> swallows the space before it; the model was trained so.
    return id === undefined ? [] : [addedToken(id, name, { lstrip: name === names.mask })];
  });
  return [...listed, ...missing];
}

function specialIds(
  names: SpecialNames,
  addedTokens: readonly AddedToken[],
  vocab: ReadonlyMap<string, number>,
  where: string,
): SpecialIds {
  const id = (name: string): number => {
    const found = addedTokens.find((token) => token.content === name)?.id ?? vocab.get(name);
    if (found !== undefined) return found;
    const expected = `the special token ${name} (tokenizer_config.json, special_tokens_map.json)`;
    const hint = "Use the tokenizer files that were published together";
    throw new InputError({ code: "invalid-config", where, expected, found: "a vocabulary without it", hint });
  };
  return { bos: id(names.bos), eos: id(names.eos), pad: id(names.pad), mask: id(names.mask) };
}

function maxLengthOf(config: JsonObject, path: string): number {
  const value = config.model_max_length ?? Infinity;
  if (typeof value === "number" && value >= 1) return Math.floor(value);
  const expected = "a number of tokens, 1 or more";
  throw new InputError({
    code: "invalid-config",
    where: `${path}: model_max_length`,
    expected,
    found: shortJson(value),
  });
}
