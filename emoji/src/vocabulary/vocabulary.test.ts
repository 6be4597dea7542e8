import { expect, test } from "vitest";
import { answerList } from "../texts/questions.js";
import { nounPhrase, isCountable, regularPlural, verb } from "./grammar.js";
import { readVocabulary, vocabularyOf } from "./vocabulary.js";

const vocabulary = readVocabulary();
const { nouns, hypernyms, kin } = vocabulary;
const numberOf = (word: string) => nouns.findIndex(({ noun }) => noun === word);

test("614 nouns, 771 emoji and 183 synonyms; each word and emoji belongs to one noun", () => {
  const words = nouns.flatMap(({ noun, syn }) => [noun, ...syn]);
  const codePoints = nouns.flatMap(({ hex }) => hex);
  expect([nouns.length, codePoints.length, words.length - nouns.length]).toEqual([614, 771, 183]);
  expect(new Set(words).size).toBe(words.length);
  expect(new Set(codePoints).size).toBe(codePoints.length);
  expect(codePoints.filter((code) => vocabulary.keywords.get(code)?.tags.length === 0)).toEqual([]);
  expect(vocabulary.keywords.size).toBe(codePoints.length);
});

test("nouns that can be confused are not kin", () => {
  const [mouse, rat, lion] = [numberOf("mouse"), numberOf("rat"), numberOf("lion")];
  expect(vocabulary.confusable(mouse, rat) && vocabulary.confusable(rat, mouse)).toBe(true);
  expect(vocabulary.confusable(mouse, lion)).toBe(false);
  expect(kin[mouse]).toContain(lion);
  expect(kin[mouse]).not.toContain(rat);
  nouns.forEach((_, i) => expect(vocabulary.confusable(i, i) && !kin[i]!.includes(i)).toBe(true));
});

test("no noun is both a member and doubtful", () => {
  const kind = (word: string) => hypernyms.find((hypernym) => hypernym.word === word)!;
  expect(hypernyms.filter(({ members, doubtful }) => [...members].some((noun) => doubtful.has(noun)))).toEqual([]);
  expect(kind("fruit").members.has(numberOf("red apple"))).toBe(true);
  expect(kind("fruit").doubtful.has(numberOf("olive"))).toBe(true);
  expect(kind("animal").members.has(numberOf("dragon"))).toBe(false);
  expect(hypernyms.map(({ word, members }) => `${word} ${members.size}`)).toMatchInlineSnapshot(`
    [
      "animal 100",
      "fruit 17",
      "vegetable 9",
      "food 82",
      "drink 10",
      "vehicle 29",
      "building 18",
      "flower 9",
      "person 21",
      "musical instrument 10",
      "ball 4",
    ]
  `);
});

test("there are 669 answers, in the order of the model's classes", () => {
  const answers = answerList(vocabulary);
  expect(answers.length).toBe(669);
  expect(new Set(answers).size).toBe(669);
  expect(answers.slice(0, 57).join()).toMatchInlineSnapshot(
    `"yes,no,0,1,2,3,4,5,6,red,orange,yellow,green,blue,purple,pink,brown,gray,black,white,bottom,bottom left,bottom right,center,left,right,top,top left,top right,grass,beach,sea,night,desert,snow,city,room,space,underwater,road,sunset,striped,dotted,checkered,plain,animal,fruit,vegetable,food,drink,vehicle,building,flower,person,musical instrument,ball,monkey"`,
  );
  expect(answers.slice(-2)).toEqual(nouns.slice(-2).map(({ noun }) => noun));
});

test("a group of unknown nouns is refused", () => {
  const files = { nouns: nouns.slice(0, 3), confusable: [["monkey", "yeti"]], keywords: {} };
  expect(() => vocabularyOf(files)).toThrow("confusable.json: yeti is no noun of nouns.json");
});

test.each([
  ["dog", "a dog", "a big dog", "is"],
  ["apple", "an apple", "a big apple", "is"],
  ["umbrella", "an umbrella", "a big umbrella", "is"],
  ["unicorn", "a unicorn", "a big unicorn", "is"],
  ["hourglass", "an hourglass", "a big hourglass", "is"],
  ["bread", "bread", "big bread", "is"],
  ["grapes", "grapes", "big grapes", "are"],
  ["skis", "a pair of skis", "a big pair of skis", "are"],
  ["scales", "a set of scales", "a big set of scales", "are"],
])("%s: %s, %s, %s", (word, phrase, big, be) => {
  expect([nounPhrase(word), nounPhrase(word, "big"), verb(word)]).toEqual([phrase, big, be]);
});

test("mass and pair nouns are not countable, and no countable synonym has an irregular plural", () => {
  const countable = (word: string) => vocabulary.countable[numberOf(word)];
  expect(["bread", "glasses", "scales", "grapes", "cup of tea"].filter(countable)).toEqual([]);
  expect(["dog", "sheep", "fish"].every(countable)).toBe(true);
  const plurals = nouns
    .flatMap(({ syn }) => syn)
    .filter((word) => isCountable(word, regularPlural(word)))
    .map(regularPlural);
  const irregular = plurals.filter((plural) => !plural.endsWith("s") || /(?:ss|ys)$/.test(plural));
  expect(irregular).toEqual(["policemen", "firemen", "smileys"]);
});
