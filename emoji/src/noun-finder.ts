/** Finds nouns in a tokenized caption. */
import type { BridgeTowerProcessor } from "bridgetower";

export type Tokenizer = BridgeTowerProcessor["tokenizer"];

/** Characters that join two adjacent tokens into one word. An incomplete character counts. */
const wordCharacter = String.raw`[\p{L}\p{M}\p{N}\ufffd-]`;
const endsInWord = new RegExp(`${wordCharacter}$`, "u");
const beginsInWord = new RegExp(`^${wordCharacter}`, "u");

export class NounFinder {
  /** Nouns as token ids, by their first id, the longest first. */
  private readonly byFirst = new Map<number, (readonly number[])[]>();

  constructor(
    nouns: readonly string[],
    private readonly tokenizer: Tokenizer,
  ) {
    // As the first word of a text, and as a later one.
    for (const text of new Set(nouns.flatMap((noun) => [noun, ` ${noun}`]))) {
      const { ids } = tokenizer.encode(text, { addSpecialTokens: false });
      const [first] = ids;
      if (first === undefined) continue;
      this.byFirst.set(first, [...(this.byFirst.get(first) ?? []), ids]);
    }
    for (const list of this.byFirst.values()) list.sort((a, b) => b.length - a.length);
  }

  /**
   * Positions of nouns that are a single token and a whole word. Nouns inside a longer noun do not count.
   * @param ids a text with its special tokens
   */
  singleTokens(ids: readonly number[]): number[] {
    const places: number[] = [];
    for (let place = 0; place < ids.length;) {
      const length = this.lengthAt(ids, place);
      if (length === 1) places.push(place);
      place += Math.max(1, length);
    }
    return places;
  }

  /** Number of tokens of the longest noun that starts here; 0 if there is none. */
  private lengthAt(ids: readonly number[], place: number): number {
    const nouns = this.byFirst.get(ids[place]!);
    if (nouns === undefined || this.isWithinWord(ids, place)) return 0;
    const found = nouns.find(
      (noun) => noun.every((id, i) => ids[place + i] === id) && !this.isWithinWord(ids, place + noun.length),
    );
    return found?.length ?? 0;
  }

  /** Whether the token at this position continues the word of the previous token. */
  private isWithinWord(ids: readonly number[], place: number): boolean {
    const [before = "", at = ""] = [place - 1, place].map((i) => this.textAt(ids, i));
    return endsInWord.test(before) && beginsInWord.test(at);
  }

  private textAt(ids: readonly number[], place: number): string {
    const id = ids[place];
    return id === undefined ? "" : this.tokenizer.decode([id], { skipSpecialTokens: true });
  }
}
