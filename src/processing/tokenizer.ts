/** Text to `input_ids` and back: RoBERTa's byte-level BPE, with the same ids as tokenizers 0.23. */
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import { AddedTokenSplitter } from "./added-tokens.js";
import { Bpe } from "./bpe.js";
import { byteAlphabet, splitWords } from "./byte-level.js";
import { readTokenizerFiles, type TokenizerDefinition } from "./tokenizer-files.js";
import { maxFirst } from "./truncation.js";

export interface EncodeOptions {
  /** A second text: `<s> A </s></s> B </s>`. Empty is a text too. */
  readonly textPair?: string;
  /** Default true. */
  readonly addSpecialTokens?: boolean;
  /** Most tokens, special ones included; what is over is cut at the end, of a pair from the longer text first. */
  readonly maxLength?: number;
}

export interface Encoding {
  readonly ids: number[];
  /** Whether `maxLength` cut something off. */
  readonly truncated: boolean;
}

export interface BatchOptions {
  /** To the longest text, to `maxLength` (or the model's), or not at all; default false, as in transformers. */
  readonly padding?: "longest" | "max_length" | false;
  readonly maxLength?: number;
  /** Lengthens the padding to a multiple of this many tokens. */
  readonly padToMultipleOf?: number;
}

export interface TextBatch {
  /** [batch, tokens] */
  readonly input_ids: HostTensor<"int64">;
  /** [batch, tokens]: 1 on the text, 0 on padding. */
  readonly attention_mask: HostTensor<"int64">;
}

export class Tokenizer {
  private readonly bpe: Bpe;
  private readonly given: AddedTokenSplitter;
  private readonly normalised: AddedTokenSplitter;
  private readonly addedIds: ReadonlyMap<string, number>;
  private readonly tokens: (string | undefined)[] = [];
  private readonly specialIds: ReadonlySet<number>;
  private readonly bytes: ReadonlyMap<string, number>;

  constructor(private readonly definition: TokenizerDefinition) {
    const { bpe, addedTokens, normalize } = definition;
    this.bpe = new Bpe(bpe);
    this.given = new AddedTokenSplitter(addedTokens.filter((token) => !token.normalized));
    const later = addedTokens.filter((token) => token.normalized);
    const normalised = later.map((token) => ({ ...token, content: normalize(token.content) }));
    this.normalised = new AddedTokenSplitter(normalised);
    this.addedIds = new Map(addedTokens.map(({ content, id }) => [content, id]));
    for (const [token, id] of bpe.vocab) this.tokens[id] = token;
    for (const [token, id] of this.addedIds) this.tokens[id] = token;
    // As the reference has it: such a token is found and shown in its normal form, but named as it was given.
    for (const { id, content } of normalised) this.tokens[id] = content;
    this.specialIds = new Set(addedTokens.filter((token) => token.special).map((token) => token.id));
    this.bytes = new Map(byteAlphabet().map((character, byte) => [character, byte]));
  }

  /**
   * The tokenizer of a model folder: `tokenizer.json`, or `vocab.json` and `merges.txt`.
   * @throws InputError files missing, damaged, or of another kind of tokenizer
   */
  static async fromFolder(folder: string): Promise<Tokenizer> {
    return new Tokenizer(await readTokenizerFiles(folder));
  }

  /** Most tokens that the model takes; Infinity where the files do not say. */
  get modelMaxLength(): number {
    return this.definition.modelMaxLength;
  }

  get bosTokenId(): number {
    return this.definition.special.bos;
  }

  get eosTokenId(): number {
    return this.definition.special.eos;
  }

  get padTokenId(): number {
    return this.definition.special.pad;
  }

  get maskTokenId(): number {
    return this.definition.special.mask;
  }

  /** The largest id plus one: what the embedding must at least hold. */
  get vocabSize(): number {
    return this.tokens.length;
  }

  /** The token as the files write it (`Ġcat`), or undefined for an id without one. */
  idToToken(id: number): string | undefined {
    return this.tokens[id];
  }

  tokenToId(token: string): number | undefined {
    return this.addedIds.get(token) ?? this.definition.bpe.vocab.get(token);
  }

  /**
   * The ids of a text or a pair of texts. Special tokens that are typed in the text count as such, as in transformers;
   * unpaired surrogates are read as U+FFFD.
   * @throws InputError a `maxLength` that leaves no room for the special tokens
   */
  encode(text: string, options: EncodeOptions = {}): Encoding {
    const { textPair, addSpecialTokens = true, maxLength = Infinity } = options;
    const first = this.textIds(text);
    const second = textPair === undefined ? [] : this.textIds(textPair);
    const room = maxLength - (addSpecialTokens ? (textPair === undefined ? 2 : 4) : 0);
    if (room < 0 || (maxLength !== Infinity && !Number.isInteger(maxLength))) {
      const expected = `a whole number of at least ${maxLength - room}, the special tokens`;
      throw new InputError({
        code: "invalid-argument",
        where: "maxLength",
        expected,
        found: `${maxLength}`,
        hint: "Raise it",
      });
    }
    const [keptFirst, keptSecond] =
      textPair === undefined ? [Math.min(first.length, room), 0] : maxFirst(first.length, second.length, room);
    const truncated = keptFirst < first.length || keptSecond < second.length;
    const a = first.slice(0, keptFirst);
    const b = second.slice(0, keptSecond);
    const { cls, sep } = this.definition.frame;
    if (!addSpecialTokens) return { ids: a.concat(b), truncated };
    const tail = textPair === undefined ? [] : [[sep], b, [sep]].flat();
    return { ids: [[cls], a, [sep], tail].flat(), truncated };
  }

  /**
   * Texts as one batch of model inputs, padded on the right.
   * @throws InputError no text, or texts of different length without padding
   */
  encodeBatch(texts: readonly string[], options: BatchOptions = {}): TextBatch {
    const { padding = false, padToMultipleOf = 1 } = options;
    if (texts.length === 0)
      throw new InputError({ code: "invalid-argument", where: "texts", expected: "at least one text", found: "none" });
    const maxLength = options.maxLength ?? (padding === "max_length" ? this.modelMaxLength : Infinity);
    const rows = texts.map((text) => this.encode(text, { maxLength }).ids);
    const longest = rows.reduce((most, row) => Math.max(most, row.length), 0);
    const odd = rows.findIndex((row) => row.length !== longest);
    if (padding === false && odd >= 0) {
      const found = `${rows[odd]!.length} in texts[${odd}]`;
      throw new InputError({
        code: "shape-mismatch",
        where: "texts",
        expected: `${longest} tokens in each (no padding)`,
        found,
        hint: "Turn padding on",
      });
    }
    if (!Number.isInteger(padToMultipleOf) || padToMultipleOf < 1) {
      throw new InputError({
        code: "invalid-argument",
        where: "padToMultipleOf",
        expected: "a whole number from 1",
        found: `${padToMultipleOf}`,
      });
    }
    if (padding === "max_length" && maxLength === Infinity) {
      const expected = "a maxLength, as the tokenizer's files have no model_max_length";
      throw new InputError({
        code: "invalid-argument",
        where: "padding max_length",
        expected,
        found: "none",
        hint: "Give maxLength",
      });
    }
    const wanted = padding === "max_length" ? maxLength : longest;
    const width = padding === false ? longest : Math.ceil(wanted / padToMultipleOf) * padToMultipleOf;
    const input_ids = HostTensor.zeros("int64", [rows.length, width]);
    const attention_mask = HostTensor.zeros("int64", [rows.length, width]);
    input_ids.data.fill(BigInt(this.padTokenId));
    rows.forEach((row, index) => {
      row.forEach((id, token) => (input_ids.data[index * width + token] = BigInt(id)));
      attention_mask.data.fill(1n, index * width, index * width + row.length);
    });
    return { input_ids, attention_mask };
  }

  /** The text of ids; unknown ids are passed over, broken UTF-8 becomes U+FFFD. `skipSpecialTokens` default false. */
  decode(ids: Iterable<number | bigint>, options: { readonly skipSpecialTokens?: boolean } = {}): string {
    const encoder = new TextEncoder();
    const bytes: number[] = [];
    for (const id of ids) {
      const token = this.tokens[Number(id)];
      if (token === undefined || (options.skipSpecialTokens === true && this.specialIds.has(Number(id)))) continue;
      const own = Array.from(token, (character) => this.bytes.get(character));
      // A token with a character outside the byte alphabet was added as plain text.
      const isText = own.includes(undefined);
      for (const byte of isText ? encoder.encode(token) : own) if (byte !== undefined) bytes.push(byte);
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  }

  private textIds(text: string): number[] {
    const ids: number[] = [];
    for (const piece of this.given.split(text.replace(/\p{Surrogate}/gu, "\ufffd"))) {
      if (typeof piece === "number") ids.push(piece);
      else for (const part of this.normalised.split(this.definition.normalize(piece))) this.appendPart(part, ids);
    }
    return ids;
  }

  private appendPart(part: string | number, ids: number[]): void {
    if (typeof part === "number") {
      ids.push(part);
      return;
    }
    const prefixed = this.definition.addPrefixSpace && !part.startsWith(" ") ? ` ${part}` : part;
    for (const word of splitWords(prefixed)) for (const id of this.bpe.encode(word)) ids.push(id);
  }
}
