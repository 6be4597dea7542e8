/** Articles, plurals and verbs of the vocabulary's words. */

const words = (text: string) => new Set(text.split(",").map((word) => word.trim()));

/** Without an article and never counted. */
const massWords = words(
  `bread,broccoli,garlic,ginger,bacon,butter,popcorn,cheese,salt,corn,lettuce,soda,curry,stew,wood,dna,soap,sushi,spaghetti,
  whiskey,fire,coral,toast,pasta,maize,sunshine,cash,luggage,cheddar,espresso,gelato,red wine,santa claus,planet earth,saturn,
  toilet paper,table tennis,lavender,ramen`,
);
const pluralWords = words(
  `grapes,french fries,fireworks,nesting dolls,footprints,noodles,thumbs up,chips,bowling pins,theater masks,lips,cherries,
  pants,trousers,eyeglasses`,
);
const pairWords = words(
  `chopsticks,skis,glasses,sunglasses,goggles,jeans,gloves,socks,shorts,headphones,maracas,scissors,swords`,
);
const setWords = words("scales");

const numerals = ["no", "one", "two", "three", "four", "five", "six", "seven"];

/** 0 to 7 in words; 0 is "no". */
export function numeral(n: number): string {
  return numerals[n]!;
}

export function article(word: string): "a" | "an" {
  return /^(?:[aeio]|umb|suv|hourg|ugl)/.test(word) ? "an" : "a";
}

/** Whether it has no article and takes "are". */
export function isBarePlural(word: string): boolean {
  return pluralWords.has(word);
}

/** "is" or "are", after the word alone. */
export function verb(word: string): "is" | "are" {
  return pluralWords.has(word) || pairWords.has(word) || setWords.has(word) ? "are" : "is";
}

/** `a dog`, `an apple`, `bread`, `a pair of skis`; with `adjective` `a big dog`, `big bread`, `a big pair of skis`. */
export function nounPhrase(word: string, adjective?: string): string {
  if (massWords.has(word) || pluralWords.has(word)) return adjective === undefined ? word : `${adjective} ${word}`;
  const counted = pairWords.has(word) ? `pair of ${word}` : setWords.has(word) ? `set of ${word}` : word;
  return adjective === undefined ? `${article(counted)} ${counted}` : `${article(adjective)} ${adjective} ${counted}`;
}

/** Whether it is countable. */
export function isCountable(word: string, plural: string): boolean {
  return !massWords.has(word) && !pluralWords.has(word) && !pairWords.has(word) && !/ of /.test(plural);
}

/** The plural of a synonym, by rule. Nouns list theirs. */
export function regularPlural(word: string): string {
  if (word === "calf") return "calves";
  if (/(?:s|x|z|ch|sh)$/.test(word)) return `${word}es`;
  if (word.endsWith("man")) return `${word.slice(0, -2)}en`;
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return `${word}s`;
}
