/** The parts of tokenizer.json around the BPE model: normaliser, pre-tokenizer, post-processor, decoder. */
import { describe, isObject, type JsonObject } from "../files/index.js";
import { InputError } from "../errors.js";

export type Normalize = (text: string) => string;

interface Pipeline {
  readonly normalize: Normalize;
  readonly addPrefixSpace: boolean;
  readonly frame: { readonly cls: number; readonly sep: number };
}

/** The pipeline of a tokenizer.json. @throws InputError any part that is not RoBERTa's, named */
export function readPipeline(file: JsonObject, vocab: ReadonlyMap<string, number>, where: string): Pipeline {
  const split = onlyStep(file.pre_tokenizer, "pretokenizers");
  if (!isObject(split) || split.type !== "ByteLevel" || split.use_regex === false) {
    unsupported(where, "pre_tokenizer ByteLevel with its own pattern", file.pre_tokenizer);
  }
  const decoder = onlyStep(file.decoder, "decoders");
  if (!isObject(decoder) || decoder.type !== "ByteLevel") unsupported(where, "decoder ByteLevel", file.decoder);
  return {
    normalize: readNormalizer(file.normalizer, where),
    // The default of tokenizers, for old files without the key.
    addPrefixSpace: split.add_prefix_space !== false,
    frame: readFrame(file.post_processor, vocab, where),
  };
}

const normalizers: ReadonlyMap<unknown, Normalize> = new Map<unknown, Normalize>([
  // One character at a time, as Rust does it: a final Σ becomes σ, not ς.
  ["Lowercase", (text) => text.replaceAll("Σ", "σ").toLowerCase()],
  ["NFC", (text) => text.normalize("NFC")],
  ["NFD", (text) => text.normalize("NFD")],
  ["NFKC", (text) => text.normalize("NFKC")],
  ["NFKD", (text) => text.normalize("NFKD")],
]);

function readNormalizer(value: unknown, where: string): Normalize {
  if (value === null || value === undefined) return (text) => text;
  const list: readonly unknown[] =
    isObject(value) && value.type === "Sequence" && Array.isArray(value.normalizers) ? value.normalizers : [value];
  const steps = list.map((step) => {
    const known = isObject(step) ? normalizers.get(step.type) : undefined;
    return (
      known ?? unsupported(where, `normalizer null, ${[...normalizers.keys()].join(", ")} or a Sequence of these`, step)
    );
  });
  return (text) => steps.reduce((current, step) => step(current), text);
}

function readFrame(value: unknown, vocab: ReadonlyMap<string, number>, where: string): Pipeline["frame"] {
  const steps =
    isObject(value) && value.type === "Sequence" && Array.isArray(value.processors) ? value.processors : [value];
  // A ByteLevel step only trims offsets.
  const step = (steps as readonly unknown[]).find((one) => isObject(one) && one.type !== "ByteLevel");
  const frame = isObject(step) ? (robertaFrame(step) ?? templateFrame(step, vocab)) : undefined;
  if (frame !== undefined && steps.length <= 2) return frame;
  const expected = "post_processor RobertaProcessing, or TemplateProcessing to <s> A </s> and <s> A </s></s> B </s>";
  return unsupported(where, expected, value);
}

function robertaFrame({ type, cls, sep }: JsonObject): Pipeline["frame"] | undefined {
  const clsId = idOfPair(cls);
  const sepId = idOfPair(sep);
  const fits = type === "RobertaProcessing" && clsId !== undefined && sepId !== undefined;
  return fits ? { cls: clsId, sep: sepId } : undefined;
}

function idOfPair(value: unknown): number | undefined {
  const id: unknown = Array.isArray(value) ? value[1] : undefined;
  return typeof id === "number" && Number.isInteger(id) && id >= 0 ? id : undefined;
}

function templateFrame(step: JsonObject, vocab: ReadonlyMap<string, number>): Pipeline["frame"] | undefined {
  if (step.type !== "TemplateProcessing") return undefined;
  const [cls, first, sep] = templateNames(step.single);
  if (cls === undefined || sep === undefined) return undefined;
  const single = [cls, "$A", sep];
  const pair = [...single, sep, "$B", sep];
  const fits = first === "$A" && same(templateNames(step.single), single) && same(templateNames(step.pair), pair);
  const clsId = vocab.get(cls);
  const sepId = vocab.get(sep);
  return fits && clsId !== undefined && sepId !== undefined ? { cls: clsId, sep: sepId } : undefined;
}

/** A template as names: special tokens as they are, texts as $A and $B. */
function templateNames(value: unknown): readonly (string | undefined)[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return items.map((item) => {
    if (!isObject(item)) return undefined;
    const { SpecialToken: token, Sequence: text } = item;
    if (isObject(token) && typeof token.id === "string") return token.id;
    return isObject(text) && typeof text.id === "string" ? `$${text.id}` : undefined;
  });
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry === b[index]);
}

/** The one step of a Sequence of one, or the value itself. */
function onlyStep(value: unknown, listKey: string): unknown {
  const list: unknown = isObject(value) && value.type === "Sequence" ? value[listKey] : undefined;
  return Array.isArray(list) && list.length === 1 ? (list[0] as unknown) : value;
}

function unsupported(where: string, expected: string, value: unknown): never {
  const found = isObject(value) && typeof value.type === "string" ? value.type : describe(value);
  const hint = "Use the byte-level BPE tokenizer that was published with a BridgeTower model";
  throw new InputError({ code: "unsupported-format", where, expected, found, hint });
}
