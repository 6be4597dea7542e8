/** Checks a text against boxes and backgrounds alone. It shares no code with the functions that make the texts. */
import type { Background } from "./backgrounds/background.js";
import type { SceneObject } from "./scene-source.js";
import type { Vocabulary } from "./vocabulary/vocabulary.js";

/** The visible content of a scene. */
export interface Seen {
  readonly objects: readonly SceneObject[];
  readonly background: Background;
  /** Pixels of the canvas. */
  readonly edge: number;
}

const numbers = ["zero", "one", "two", "three", "four", "five", "six", "seven"];
const relationWords =
  "to the left of|left of|on the left of|to the right of|right of|on the right of|above|over|below|under|beneath";
const zoneWords =
  "top left corner|top right corner|bottom left corner|bottom right corner|top left|top right|bottom left|bottom right|top|bottom|left|right|center";
const placeWords: Readonly<Record<string, string>> = {
  "on the grass": "grass",
  "on the beach": "beach",
  "at sea": "sea",
  "at night": "night",
  "in the desert": "desert",
  "in the snow": "snow",
  "in the city": "city",
  "in a room": "room",
  "in space": "space",
  "under water": "underwater",
  "on the road": "road",
  "at sunset": "sunset",
};

/** A pattern for one of the words, the longest first. Common beginnings are written once: thousands of alternatives are slow. */
function oneOf(words: readonly string[]): string {
  const rests = new Map<string, string[]>();
  for (const word of words) if (word !== "") rests.set(word[0]!, [...(rests.get(word[0]!) ?? []), word.slice(1)]);
  if (rests.size === 0) return "";
  const alternatives = [...rests].map(([letter, rest]) => letter.replace(/[.()*+?]/, "\\$&") + oneOf(rest));
  return `(?:${alternatives.join("|")})${words.includes("") ? "?" : ""}`;
}

export class TextChecker {
  /** Nouns by every word for them, singular or plural. */
  private readonly nounOf = new Map<string, string>();
  private readonly word: string;
  private readonly phrase: string;
  private readonly patterns = new Map<string, RegExp>();

  constructor(private readonly vocabulary: Vocabulary) {
    for (const { noun, plural, syn } of vocabulary.nouns) {
      const plurals = syn.flatMap((word) => [
        `${word}s`,
        `${word}es`,
        word.replace(/y$/, "ies"),
        word.replace(/an$/, "en"),
      ]);
      for (const word of [...plurals, ...syn, plural, noun]) this.nounOf.set(word, noun);
    }
    this.nounOf.set("calves", this.nounOf.get("calf")!);
    this.word = oneOf([...this.nounOf.keys()]);
    this.phrase = `(?:an? )?(?:(?:${["big", "large", "small", "little", "tiny", ...numbers].join("|")}) )?(?:pair of |set of )?${this.word}`;
  }

  /** Whether a sentence about one scene is true. */
  isTrue(text: string, seen: Seen): boolean {
    const [body, background] = this.split(text);
    return this.bodyIsTrue(body, seen) && (background === undefined || backgroundIs(background, seen.background));
  }

  answer(question: string, seen: Seen): string | undefined {
    const { objects, background } = seen;
    const { word } = this;
    const yes = (holds: boolean) => (holds ? "yes" : "no");
    const rules: readonly (readonly [string, (...words: string[]) => string | undefined])[] = [
      [`how many (?:objects|things) are there`, () => String(objects.length)],
      [`how many (${word}) are there`, (noun) => String(this.count(noun, seen))],
      [`are there more (${word}) than (${word})`, (a, b) => yes(this.count(a, seen) > this.count(b, seen))],
      [`is there any (food)`, (kind) => yes(this.anyOf(kind, seen))],
      [
        `is there an? (${this.vocabulary.hypernyms.map((kind) => kind.word).join("|")})`,
        (kind) => yes(this.anyOf(kind, seen)),
      ],
      [`(?:is|are) there (${this.phrase})(?: in the picture)?`, (phrase) => yes(this.named(phrase, seen).length > 0)],
      [`what color is the background|what is the background color`, () => colorOf(background)],
      [`what pattern is the background`, () => (background.type === "pattern" ? background.pattern : "plain")],
      [`is the background (\\w+)`, (color) => yes(colorOf(background) === color)],
      [`where is this|what place is this`, () => (background.type === "place" ? background.place : undefined)],
      [
        `where (?:is|are) the (${word})`,
        (noun) => (background.type === "place" && !this.hasZone(noun, seen) ? background.place : this.zone(noun, seen)),
      ],
      [`what is this|what is in the picture|what does the picture show`, () => objects[0]!.noun],
      [
        `what kind of thing is this`,
        () => this.vocabulary.hypernyms.find(({ word: kind }) => this.anyOf(kind, seen))?.word,
      ],
      [`what is (${relationWords}) the (${word})`, (relation, noun) => this.standing(relation, noun, seen)],
      [`which is bigger, the (${word}) or the (${word})`, (a, b) => this.nounOf.get(this.isBigger(a, b, seen) ? a : b)],
      [`(?:is|are) the (${word}) bigger than the (${word})`, (a, b) => yes(this.isBigger(a, b, seen))],
      [`(?:is|are) the (${word}) smaller than the (${word})`, (a, b) => yes(this.isBigger(b, a, seen))],
      [
        `(?:is|are) the (${word}) (${relationWords}) the (${word})`,
        (a, relation, b) => yes(this.related(a, relation, b, seen)),
      ],
      [`what is between the (?:${word}) and the (?:${word})|what is in the middle`, () => fromLeft(objects)[1]!.noun],
      [`what is on the left|what is the leftmost thing`, () => fromLeft(objects)[0]!.noun],
      [`what is on the right|what is the rightmost thing`, () => fromLeft(objects)[2]!.noun],
    ];
    return this.read(question.replace(/\?$/, ""), rules);
  }

  /** Whether a statement about two scenes is true. */
  statementIsTrue(text: string, left: Seen, right: Seen): boolean {
    const { phrase, word } = this;
    const has = (what: string, seen: Seen) => this.named(what, seen).length > 0;
    const count = (noun: string, seen: Seen) => this.count(noun, seen);
    const colors = [colorOf(left.background), colorOf(right.background)];
    const rules: readonly (readonly [string, (...words: string[]) => boolean])[] = [
      [`both images contain (${phrase})`, (a) => has(a, left) && has(a, right)],
      [`only the left image shows (${phrase})`, (a) => has(a, left) && !has(a, right)],
      [`the right image shows (${phrase})`, (a) => has(a, right)],
      [`there is no (${word}) in the right image`, (a) => !has(a, right)],
      [`there are more (${word}) in the left image than in the right image`, (a) => count(a, left) > count(a, right)],
      [`both images show the same number of (${word})`, (a) => count(a, left) === count(a, right)],
      [
        `there (?:is|are) exactly (\\w+) (${word}) in total`,
        (n, a) => count(a, left) + count(a, right) === numbers.indexOf(n),
      ],
      [`both images have the same background color`, () => colors[0] === colors[1]],
      [
        `one image has an? (\\w+) background and the other has an? (\\w+) background`,
        (a, b) => [a, b].sort().join() === [...colors].sort().join(),
      ],
      [
        `the left image shows (${phrase}) and the right image shows (${phrase})`,
        (a, b) => has(a, left) && has(b, right),
      ],
      [
        `one image shows (${phrase}) and the other shows (${phrase})`,
        (a, b) => (has(a, left) && has(b, right)) || (has(a, right) && has(b, left)),
      ],
    ];
    return this.read(text, rules);
  }

  private bodyIsTrue(body: string, seen: Seen): boolean {
    const { word, phrase } = this;
    const all = (...phrases: (string | undefined)[]) => phrases.every((one) => this.holds(one!, seen));
    const rules: readonly (readonly [string, (...words: string[]) => boolean])[] = [
      [
        `(?:a picture of |an image of |a drawing of |(?:this|there) is |(?:these|there) are )?(${phrase})`,
        (a) => all(a),
      ],
      [
        `(${phrase}) (?:in|at|on) the (${zoneWords})(?: side)?`,
        (a, zone) => all(a) && this.zone(a, seen) === zone.replace(" corner", ""),
      ],
      [
        `the (${word}) (?:is|are) (?:bigger|larger) than the (${word})`,
        (a, b) => all(a, b) && this.isBigger(a, b, seen),
      ],
      [`the (${word}) (?:is|are) smaller than the (${word})`, (a, b) => all(a, b) && this.isBigger(b, a, seen)],
      [
        `(?:the )?(${phrase}) (?:is |are )?(${relationWords}) (?:the )?(${phrase})`,
        (a, relation, b) => all(a, b) && this.related(a, relation, b, seen),
      ],
      [`(${phrase}) on the left and (${phrase}) on the right`, (a, b) => all(a, b) && this.related(a, "left", b, seen)],
      [
        `(${phrase}) at the top and (${phrase}) at the bottom`,
        (a, b) => all(a, b) && this.related(a, "above", b, seen),
      ],
      [
        `from left to right: (${phrase}), (${phrase}) and (${phrase})`,
        (...three) => all(...three) && this.inOrder(three, seen),
      ],
      [
        `(${phrase}) between (${phrase}) and (${phrase})`,
        (b, a, c) => all(a, b, c) && (this.inOrder([a, b, c], seen) || this.inOrder([c, b, a], seen)),
      ],
      [`(${phrase}), (${phrase}) and (${phrase})`, (...three) => all(...three)],
      [`(${phrase}) (?:and|with|next to) (${phrase})`, (a, b) => all(a, b)],
    ];
    return this.read(body, rules);
  }

  /** Whether there is such a thing, of this size and number. */
  private holds(phrase: string, seen: Seen): boolean {
    const found = this.named(phrase, seen);
    const number = numbers.findIndex((word) => phrase.startsWith(`${word} `));
    if (found.length === 0 || (number >= 0 && found.length !== number)) return false;
    const size = /^(?:an? )?(big|large|small|little|tiny) /.exec(phrase)?.[1];
    if (size === undefined) return true;
    const isBig = size === "big" || size === "large";
    if (seen.objects.length === 1) return isBig ? share(found[0]!, seen) > 0.68 : share(found[0]!, seen) < 0.33;
    const others = seen.objects.filter((other) => other !== found[0]).map((other) => share(other, seen));
    return others.every((other) =>
      isBig ? share(found[0]!, seen) > 1.5 * other : other > 1.5 * share(found[0]!, seen),
    );
  }

  private named(phrase: string, { objects }: Seen): SceneObject[] {
    const word = this.compiled(`(?:^| )(${this.word})$`).exec(phrase)![1]!;
    const whole = this.nounOf.get(phrase) ?? this.nounOf.get(phrase.replace(/^an? /, "")) ?? this.nounOf.get(word);
    return objects.filter(({ noun }) => noun === whole);
  }

  private count(noun: string, seen: Seen): number {
    return this.named(noun, seen).length;
  }

  private anyOf(kind: string, { objects }: Seen): boolean {
    const { hypernyms, nouns } = this.vocabulary;
    const { members } = hypernyms.find(({ word }) => word === kind)!;
    return objects.some(({ noun }) => [...members].some((member) => nouns[member]!.noun === noun));
  }

  private related(one: string, relation: string, other: string, seen: Seen): boolean {
    const [a, b] = [this.named(one, seen)[0], this.named(other, seen)[0]];
    return a !== undefined && b !== undefined && stands(a, relation, b);
  }

  private standing(relation: string, noun: string, seen: Seen): string | undefined {
    const from = this.named(noun, seen)[0]!;
    return seen.objects.find((other) => other !== from && stands(other, relation, from))?.noun;
  }

  private isBigger(one: string, other: string, seen: Seen): boolean {
    const [a, b] = [this.named(one, seen)[0], this.named(other, seen)[0]];
    return a !== undefined && b !== undefined && share(a, seen) > 1.5 * share(b, seen);
  }

  private inOrder(phrases: readonly string[], seen: Seen): boolean {
    const expected = phrases.map((phrase) => this.named(phrase, seen)[0]);
    return fromLeft(seen.objects).every((object, i) => object === expected[i]);
  }

  private hasZone(noun: string, seen: Seen): boolean {
    return seen.objects.length === 1 && share(this.named(noun, seen)[0]!, seen) < 0.43;
  }

  /** Of its centre, in words. */
  private zone(phrase: string, seen: Seen): string | undefined {
    const object = this.named(phrase, seen)[0];
    if (object === undefined || !this.hasZone(object.noun, seen)) return undefined;
    const third = (at: number) => Math.min(2, Math.max(0, Math.floor((at / seen.edge) * 3)));
    const [x, y] = centre(object);
    const row = ["top", "", "bottom"][third(y)]!;
    const column = ["left", "", "right"][third(x)]!;
    return `${row} ${column}`.trim() || "center";
  }

  /** The result of the first rule that matches the whole text. */
  private read<T>(text: string, rules: readonly (readonly [string, (...words: string[]) => T])[]): T {
    for (const [pattern, check] of rules) {
      const match = this.compiled(`^(?:${pattern})$`).exec(text);
      if (match !== null) return check(...match.slice(1));
    }
    throw new Error(`no rule reads: ${text}`);
  }

  private compiled(pattern: string): RegExp {
    const known = this.patterns.get(pattern) ?? new RegExp(pattern);
    this.patterns.set(pattern, known);
    return known;
  }

  /** The sentence without its background, and that. */
  private split(text: string): readonly [string, string | undefined] {
    const tail = new RegExp(
      `^(.*?) (on an? (?:\\w+ )*background(?: with \\w+)?|${Object.keys(placeWords).join("|")})$`,
    ).exec(text);
    return tail === null ? [text, undefined] : [tail[1]!, tail[2]];
  }
}

function backgroundIs(phrase: string, background: Background): boolean {
  if (phrase in placeWords) return background.type === "place" && background.place === placeWords[phrase];
  const two = /^on an? (\w+) and (\w+) background$/.exec(phrase);
  if (two !== null) {
    return background.type === "two" && [...background.colors].sort().join() === [two[1], two[2]].sort().join();
  }
  const marks: Readonly<Record<string, string>> = { stripes: "striped", dots: "dotted", checks: "checkered" };
  const marked = /^on an? (\w+) background with (\w+)$/.exec(phrase);
  const patterned = /^on an? (striped|dotted|checkered) (\w+) background$/.exec(phrase);
  const pattern = marked === null ? patterned?.[1] : marks[marked[2]!];
  const color = marked?.[1] ?? patterned?.[2] ?? /^on an? (\w+) background$/.exec(phrase)?.[1];
  if (background.type === "pattern") return background.pattern === pattern && background.color === color;
  return background.type === "color" && pattern === undefined && background.color === color;
}

function colorOf(background: Background): string | undefined {
  return background.type === "color" || background.type === "pattern" ? background.color : undefined;
}

function centre({ box }: SceneObject): readonly [number, number] {
  return [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
}

function share({ box }: SceneObject, { edge }: Seen): number {
  return (box.right - box.left) / edge;
}

function fromLeft(objects: readonly SceneObject[]): SceneObject[] {
  return [...objects].sort((a, b) => centre(a)[0] - centre(b)[0]);
}

/** By the larger of both distances. */
function stands(one: SceneObject, relation: string, other: SceneObject): boolean {
  const [dx, dy] = [centre(one)[0] - centre(other)[0], centre(one)[1] - centre(other)[1]];
  if (relation.includes("left")) return dx < -Math.abs(dy);
  if (relation.includes("right")) return dx > Math.abs(dy);
  return relation === "above" || relation === "over" ? dy < -Math.abs(dx) : dy > Math.abs(dx);
}
