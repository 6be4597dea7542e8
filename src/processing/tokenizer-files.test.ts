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
