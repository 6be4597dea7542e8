import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { goldenFolder } from "./golden.suite.js";
import { Tokenizer } from "./tokenizer.js";

type Json = Record<string, unknown>;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokenizer-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(name: string, value: unknown): Promise<void> {
  await writeFile(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
}

async function readVariant(): Promise<Json & { model: Json & { vocab: Json; merges: string[] } }> {
  const text = await readFile(join(goldenFolder, "variant", "tokenizer.json"), "utf8");
  return JSON.parse(text) as Json & { model: Json & { vocab: Json; merges: string[] } };
}

async function problem(): Promise<string> {
  const error: unknown = await Tokenizer.fromFolder(folder).catch((cause: unknown) => cause);
  if (!(error instanceof InputError)) throw new Error("expected an InputError", { cause: error });
  return error.message.replaceAll(folder, "…");
}

test("files whose content does not match their names", async () => {
  const messages = [await problem()];
  await write("vocab.json", {});
  messages.push(await problem());
  await write("merges.txt", "#version: 0.2\n");
  messages.push(await problem());
  await write("tokenizer.json", "{");
  messages.push(await problem());
  await write("tokenizer.json", {});
  messages.push(await problem());
  await write("tokenizer_config.json", { model_max_length: "long" });
  messages.push(await problem());
  expect(messages.join("\n")).toMatchSnapshot();
});

const changes: Record<string, (file: Awaited<ReturnType<typeof readVariant>>) => unknown> = {
  "another model": (file) => (file.model.type = "WordPiece"),
  dropout: (file) => (file.model.dropout = 0.1),
  "byte fallback": (file) => (file.model.byte_fallback = true),
  "an id that is no whole number": (file) => (file.model.vocab.two = 1.5),
  "a negative id": (file) => (file.model.vocab.two = -1),
  "an id twice": (file) => (file.model.vocab.double = 7),
  "a huge id": (file) => (file.model.vocab.huge = 1e12),
  "a merge of unknown tokens": (file) => (file.model.merges = ["t w", "qqq zzz"]),
  "a merge of one": (file) => (file.model.merges = ["tw"]),
  "a merge of three": (file) => (file.model.merges = ["t w o"]),
  "an unknown unk_token": (file) => (file.model.unk_token = "<nothing>"),
  "another pre-tokenizer": (file) => (file.pre_tokenizer = { type: "Whitespace" }),
  "another normalizer": (file) => (file.normalizer = { type: "StripAccents" }),
  "another frame": (file) => (file.post_processor = { type: "BertProcessing", sep: ["</s>", 2], cls: ["<s>", 0] }),
  "no frame": (file) => (file.post_processor = null),
  "another decoder": (file) => (file.decoder = { type: "WordPiece" }),
  "a broken added token": (file) => (file.added_tokens = [{ id: "0", content: "<s>" }]),
  "added tokens that are no list": (file) => (file.added_tokens = {}),
  "no mask": (file) => (file.added_tokens = []),
};

test.each(Object.entries(changes))("%s is refused and named", async (_, change) => {
  const file = await readVariant();
  change(file);
  await write("tokenizer.json", file);
  expect(await problem()).toMatchSnapshot();
});

test("merges as pairs and RobertaProcessing mean the same as strings and a template", async () => {
  const file = await readVariant();
  const before = await Tokenizer.fromFolder(join(goldenFolder, "variant"));
  file.model.merges = file.model.merges.map((merge) => merge.split(" ")) as unknown[] as string[];
  file.post_processor = { type: "RobertaProcessing", sep: ["</s>", 2], cls: ["<s>", 0], trim_offsets: true };
  await write("tokenizer.json", file);
  const after = await Tokenizer.fromFolder(folder);
  expect(after.encode("two cats on a mat")).toEqual(before.encode("two cats on a mat"));
});

test("hostile names of tokens are only names", async () => {
  const file = await readVariant();
  const text = JSON.stringify(file).replace('"vocab":{', '"vocab":{"__proto__":900,"constructor":901,');
  await write("tokenizer.json", text);
  const tokenizer = await Tokenizer.fromFolder(folder);
  expect(tokenizer.tokenToId("__proto__")).toBe(900);
  expect(tokenizer.tokenToId("toString")).toBeUndefined();
});

test("bytes without a token are dropped, or become unk_token", async () => {
  const file = await readVariant();
  delete file.model.vocab.z;
  await write("tokenizer.json", file);
  const ids = async (text: string) => (await Tokenizer.fromFolder(folder)).encode(text).ids;
  expect(await ids("zz")).toEqual([0, 2]);
  file.model.unk_token = "<unk>";
  await write("tokenizer.json", file);
  expect(await ids("zz")).toEqual([0, 3, 3, 2]);
  file.model.fuse_unk = true;
  await write("tokenizer.json", file);
  expect(await ids("zz")).toEqual([0, 3, 2]);
});

test("add_prefix_space of tokenizer_config.json wins", async () => {
  await write("tokenizer.json", await readVariant());
  await write("tokenizer_config.json", { add_prefix_space: true });
  const tokenizer = await Tokenizer.fromFolder(folder);
  expect(tokenizer.encode("cat").ids).toEqual(tokenizer.encode(" cat").ids);
});

const object = {
  content: "<obj>",
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: false,
};

/** Writes `vocab.json` and `merges.txt` of the variant, without a `tokenizer.json`. */
async function writeVocab(): Promise<void> {
  const { model, added_tokens } = await readVariant();
  const added = added_tokens as { readonly content: string; readonly id: number }[];
  await write("vocab.json", { ...model.vocab, ...Object.fromEntries(added.map(({ content, id }) => [content, id])) });
  await write("merges.txt", `#version: 0.2\n${model.merges.join("\n")}\n`);
}

test.each<[string, string, unknown]>([
  ["added_tokens.json", "added_tokens.json", { "<obj>": 1500 }],
  ["added_tokens_decoder", "tokenizer_config.json", { added_tokens_decoder: { 1500: object } }],
])("%s: tokens added after the training of the tokenizer are one id each", async (_, name, content) => {
  await writeVocab();
  const before = (await Tokenizer.fromFolder(folder)).encode("two <obj> cats").ids;
  expect(before).not.toContain(1500);
  await write(name, content);
  const tokenizer = await Tokenizer.fromFolder(folder);
  const ids = tokenizer.encode("two <obj> cats").ids;
  expect(ids.filter((id) => id === 1500)).toHaveLength(1);
  expect(ids.length).toBeLessThan(before.length);
  expect(tokenizer.tokenToId("<obj>")).toBe(1500);
  await write("tokenizer.json", await readVariant());
  expect((await Tokenizer.fromFolder(folder)).encode("two <obj> cats").ids).toContain(1500);
});

test("added tokens that contradict the vocabulary or are no tokens are refused and named", async () => {
  await writeVocab();
  const { model } = await readVariant();
  const [first] = Object.entries(model.vocab) as [string, number][];
  const messages: string[] = [];
  for (const added of [
    { "<obj>": first![1] },
    { [first![0]]: 1500 },
    { "<obj>": "1500" },
    { "<a>": 1500, "<b>": 1500 },
  ]) {
    await write("added_tokens.json", added);
    messages.push(await problem());
  }
  for (const decoder of [[], { x: object }, { 1500: { content: 7 } }]) {
    await write("tokenizer_config.json", { added_tokens_decoder: decoder });
    messages.push(await problem());
  }
  expect(messages.join("\n")).toMatchInlineSnapshot(`
    "…/added_tokens.json: <obj>: expected an id that no other token has, found 19, which is 0. Use the tokenizer files that were published together.
    …/added_tokens.json: 0: expected the id 19 of the vocabulary, found 1500. Use the tokenizer files that were published together.
    …/added_tokens.json: <obj>: expected an id, a content and flags that are true or false, found another entry.
    …/added_tokens.json: <b>: expected an id that no other token has, found 1500, which is <a>. Use the tokenizer files that were published together.
    …/tokenizer_config.json: added_tokens_decoder: expected an object, found a list of 0.
    …/tokenizer_config.json: added_tokens_decoder.x: expected an id, a content and flags that are true or false, found another entry.
    …/tokenizer_config.json: added_tokens_decoder.1500: expected an id, a content and flags that are true or false, found another entry."
  `);
});
