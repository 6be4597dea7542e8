/** Text to `input_ids` and back: RoBERTa's byte-level BPE, with the same ids as tokenizers 0.23. */
import {
  booleanType,
  checkArgument,
  checkOptions,
  listOf,
  oneOf,
  stringType,
  type ArgumentType,
  type OptionTypes,
} from "../arguments.js";
import { InputError } from "../errors.js";
import { HostTensor } from "../graph/index.js";
import { AddedTokenSplitter } from "./added-tokens.js";
import { Bpe, byteAlphabet, splitWords } from "./bpe.js";
import { readTokenizerFiles, type TokenizerDefinition } from "./tokenizer-files.js";

export interface EncodeOptions {
  /** Default true: `<s> … </s>`. */
  readonly addSpecialTokens?: boolean;
  /** Maximum number of tokens, special ones included. Longer texts are cut at the end. */
  readonly maxLength?: number;
}

export interface Encoding {
  readonly ids: number[];
  /** Ids beyond `maxLength`, which were cut off: `overflowing_tokens` of transformers. Empty if the text fits. */
  readonly overflowing: number[];
}

export interface BatchOptions {
  /** To the longest text, to `maxLength` (or the model's), or not at all; default false, as in transformers. */
  readonly padding?: "longest" | "max_length" | false;
  readonly maxLength?: number;
}

/** Its range is checked against the special tokens. */
const lengthType: ArgumentType = { expected: "a whole number", accepts: (value) => typeof value === "number" };
const encodeOptions: OptionTypes<EncodeOptions> = { addSpecialTokens: booleanType, maxLength: lengthType };
const batchOptions: OptionTypes<BatchOptions> = {
  padding: {
    ...oneOf(["longest", "max_length"]),
    expected: 'false, "longest" or "max_length"',
    accepts: (value) => value === false || value === "longest" || value === "max_length",
  },
  maxLength: lengthType,
};
const idsType: ArgumentType = {
  expected: "an array or another iterable of token ids",
  accepts: (value) => typeof value === "object" && value !== null && Symbol.iterator in value,
};

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

  private constructor(private readonly definition: TokenizerDefinition) {
    const { bpe, addedTokens, normalize } = definition;
    this.bpe = new Bpe(bpe);
    this.given = new AddedTokenSplitter(addedTokens.filter((token) => !token.normalized));
    const later = addedTokens.filter((token) => token.normalized);
    const normalised = later.map((token) => ({ ...token, content: normalize(token.content) }));
    this.normalised = new AddedTokenSplitter(normalised);
    this.addedIds = new Map(addedTokens.map(({ content, id }) => [content, id]));
    for (const [token, id] of bpe.vocab) this.tokens[id] = token;
    for (const [token, id] of this.addedIds) this.tokens[id] = token;
    // As in tokenizers: such a token is found and decoded in its normal form, but named as it was given.
    for (const { id, content } of normalised) this.tokens[id] = content;
    this.specialIds = new Set(addedTokens.filter((token) => token.special).map((token) => token.id));
    this.bytes = new Map(byteAlphabet().map((character, byte) => [character, byte]));
  }

  /**
   * The tokenizer of a model folder: `tokenizer.json`, or `vocab.json` and `merges.txt`.
   * @throws InputError for missing or damaged files, or another kind of tokenizer
   */
  static async fromFolder(folder: string): Promise<Tokenizer> {
    return new Tokenizer(await readTokenizerFiles(folder));
  }

  /** Maximum number of tokens that the model takes; Infinity if the files do not say. */
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

  /** The largest id plus one: the minimum size of the embedding. */
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
   * The ids of a text. Special tokens that are typed in the text are special tokens, as in transformers; unpaired surrogates
   * are read as U+FFFD.
   * @throws InputError for a `maxLength` that leaves no room for the special tokens
   * @example
   * const processor = await BridgeTowerProcessor.fromPretrained(defaultModel);
   * console.log(processor.tokenizer.encode("two cats").ids.length); // 4
   */
  encode(text: string, options: EncodeOptions = {}): Encoding {
    checkArgument("text", text, stringType);
    checkOptions("encode", options, encodeOptions);
    const { addSpecialTokens = true, maxLength = Infinity } = options;
    const room = maxLength - (addSpecialTokens ? 2 : 0);
    if (room < 0 || (maxLength !== Infinity && !Number.isInteger(maxLength))) {
      throw new InputError({
        code: "invalid-argument",
        where: "maxLength",
        expected: `a whole number of at least ${maxLength - room}, the special tokens`,
        found: `${maxLength}`,
        hint: "Raise it",
      });
    }
    const { normalize, addPrefixSpace, frame } = this.definition;
    const ids: number[] = [];
    for (const piece of this.given.split(text.replace(/\p{Surrogate}/gu, "\ufffd"))) {
      for (const part of typeof piece === "number" ? [piece] : this.normalised.split(normalize(piece))) {
        if (typeof part === "number") {
          ids.push(part);
          continue;
        }
        const prefixed = addPrefixSpace && !part.startsWith(" ") ? ` ${part}` : part;
        for (const word of splitWords(prefixed)) for (const id of this.bpe.encode(word)) ids.push(id);
      }
    }
    const overflowing = ids.splice(room);
    return { ids: addSpecialTokens ? [frame.cls, ...ids, frame.sep] : ids, overflowing };
  }

  /**
   * Texts as one batch of model inputs, padded on the right.
   * @throws InputError for no text, or for texts of different length without padding
   */
  encodeBatch(texts: readonly string[], options: BatchOptions = {}): TextBatch {
    checkArgument("texts", texts, listOf(stringType));
    checkOptions("encodeBatch", options, batchOptions);
    const { padding = false } = options;
    if (texts.length === 0)
      throw new InputError({ code: "invalid-argument", where: "texts", expected: "at least one text", found: "none" });
    const maxLength = options.maxLength ?? (padding === "max_length" ? this.modelMaxLength : Infinity);
    const rows = texts.map((text) => this.encode(text, { maxLength }).ids);
    const longest = rows.reduce((length, row) => Math.max(length, row.length), 0);
    const shorter = rows.findIndex((row) => row.length !== longest);
    if (padding === false && shorter >= 0) {
      const found = `${rows[shorter]!.length} in texts[${shorter}]`;
      throw new InputError({
        code: "shape-mismatch",
        where: "texts",
        expected: `${longest} tokens in each (no padding)`,
        found,
        hint: "Turn padding on",
      });
    }
    if (padding === "max_length" && maxLength === Infinity) {
      const expected = "a maxLength, because the tokenizer's files have no model_max_length";
      throw new InputError({
        code: "invalid-argument",
        where: "padding max_length",
        expected,
        found: "none",
        hint: "Give maxLength",
      });
    }
    const width = padding === "max_length" ? maxLength : longest;
    const input_ids = HostTensor.zeros("int64", [rows.length, width]);
    const attention_mask = HostTensor.zeros("int64", [rows.length, width]);
    input_ids.data.fill(BigInt(this.padTokenId));
    rows.forEach((row, index) => {
      row.forEach((id, token) => (input_ids.data[index * width + token] = BigInt(id)));
      attention_mask.data.fill(1n, index * width, index * width + row.length);
    });
    return { input_ids, attention_mask };
  }

  /** The text of ids. Unknown ids are skipped, broken UTF-8 becomes U+FFFD. `skipSpecialTokens` default false. */
  decode(ids: Iterable<number | bigint>, options: { readonly skipSpecialTokens?: boolean } = {}): string {
    checkArgument("ids", ids, idsType);
    checkOptions("decode", options, { skipSpecialTokens: booleanType });
    const encoder = new TextEncoder();
    const bytes: number[] = [];
    for (const id of ids) {
      const token = this.tokens[Number(id)];
      if (token === undefined || (options.skipSpecialTokens === true && this.specialIds.has(Number(id)))) continue;
      const tokenBytes = Array.from(token, (character) => this.bytes.get(character));
      // A token with a character outside the byte alphabet was added as plain text.
      const isText = tokenBytes.includes(undefined);
      for (const byte of isText ? encoder.encode(token) : tokenBytes) if (byte !== undefined) bytes.push(byte);
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  }
}
