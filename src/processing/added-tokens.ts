/** Added tokens (`<mask>` and its like): found in a text by exact match before it is split into words. */
import { isWhiteSpace } from "./bpe.js";

/** An entry of `added_tokens` in tokenizer.json. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Found only if no word character is beside it. */
  readonly single_word: boolean;
  /** Includes the white space on its left. */
  readonly lstrip: boolean;
  /** Includes the white space on its right. */
  readonly rstrip: boolean;
  /** Found in the normalised text, not in the original one. */
  readonly normalized: boolean;
  /** Skipped by decoding with `skipSpecialTokens`. */
  readonly special: boolean;
}

/** A piece of text, or the id of an added token. */
export type Piece = string | number;

/** Finds added tokens, the leftmost first and the longest of those that start there, as tokenizers' `AddedVocabulary`. */
export class AddedTokenSplitter {
  private readonly tokens: ReadonlyMap<string, AddedToken>;
  private readonly pattern: RegExp | undefined;

  constructor(tokens: readonly AddedToken[]) {
    const findable = tokens.filter((token) => token.content !== "");
    this.tokens = new Map(findable.map((token) => [token.content, token]));
    const longestFirst = [...this.tokens.keys()].sort((a, b) => b.length - a.length);
    const escaped = longestFirst.map((content) => content.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
    this.pattern = escaped.length > 0 ? new RegExp(escaped.join("|"), "g") : undefined;
  }

  split(text: string): Piece[] {
    if (this.pattern === undefined) return text === "" ? [] : [text];
    const pieces: Piece[] = [];
    let done = 0;
    for (const match of text.matchAll(this.pattern)) {
      const token = this.tokens.get(match[0])!;
      let start = match.index;
      let end = start + match[0].length;
      if (token.single_word && (endsWithWord(text.slice(0, start)) || startsWithWord(text.slice(end, end + 2))))
        continue;
      if (token.lstrip) while (start > done && isWhiteSpace(text.charCodeAt(start - 1))) start--;
      if (token.rstrip) while (end < text.length && isWhiteSpace(text.charCodeAt(end))) end++;
      if (done < start) pieces.push(text.slice(done, start));
      pieces.push(token.id);
      done = end;
    }
    if (done < text.length) pieces.push(text.slice(done));
    return pieces;
  }
}

const wordCharacter = String.raw`[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]`;

function endsWithWord(text: string): boolean {
  return new RegExp(`${wordCharacter}$`, "u").test(text.slice(-2));
}

function startsWithWord(text: string): boolean {
  return new RegExp(`^${wordCharacter}`, "u").test(text);
}
