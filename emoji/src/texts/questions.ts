/** Questions about a scene, each with its one right answer. */
import type { Random } from "bridgetower/learner";
import { colorNames, otherColor, patternNames, placeNames } from "../backgrounds/background.js";
import type { Casting } from "../casting.js";
import { chance, pick, pickAt } from "../draws.js";
import {
  copiesOf,
  type Count,
  type Facts,
  inverse,
  type Pair,
  type Single,
  total,
  type Zone,
  zones,
} from "../facts.js";
import { article, isBarePlural, nounPhrase, verb } from "../vocabulary/grammar.js";
import type { Vocabulary } from "../vocabulary/vocabulary.js";
import { pluralOf, relationWords } from "./caption.js";

export interface Answered {
  readonly question: string;
  readonly answer: string;
}

/** All answers that questions have, in the order of a model's classes. */
export function answerList({ nouns, hypernyms }: Vocabulary): string[] {
  const numbers = Array.from({ length: 7 }, (_, n) => String(n));
  const zoneNames = [...new Set(zones.flat().map(zoneAnswer))].sort();
  const words = [...placeNames, ...patternNames, "plain", ...hypernyms.map(({ word }) => word)];
  const all = ["yes", "no", ...numbers, ...colorNames, ...zoneNames, ...words, ...nouns.map(({ noun }) => noun)];
  // "orange" is a colour and a noun.
  return [...new Set(all)];
}

function zoneAnswer(zone: Zone): string {
  return zone.replace(" corner", "");
}

/** The inputs of a question. */
interface Drawn {
  readonly random: Random;
  readonly casting: Casting;
  /** Whether questions that can be asked both ways have the answer "yes". */
  readonly affirmed: boolean;
  /** A thing that the scene does not have. */
  readonly absent: number;
}

/** `count` different questions. */
export function drawQuestions(random: Random, facts: Facts, casting: Casting, count: number): Answered[] {
  const absentNoun = () =>
    casting.absentNoun(
      random,
      facts.things.map(({ noun }) => noun),
    );
  const draw = (): Drawn => ({ random, casting, affirmed: chance(random, 0.5), absent: absentNoun() });
  const drawn = draw();
  const asked = [
    existence(facts, drawn),
    ...hypernymQuestions(facts, drawn),
    ...backgroundQuestions(facts, drawn),
    ...ownQuestions(facts, drawn),
    {
      question: pick(random, ["how many objects are there?", "how many things are there?"]),
      answer: String(total(facts)),
    },
  ];
  const order = random.permutation(asked.length);
  const chosen = new Map(Array.from(order, (i) => [asked[i]!.question, asked[i]!]));
  // Adds questions about present and absent things if there are too few.
  while (chosen.size < count) {
    const more = existence(facts, draw());
    chosen.set(more.question, more);
  }
  return [...chosen.values()].slice(0, count);
}

const yes = (holds: boolean) => (holds ? "yes" : "no");

function existence({ things }: Facts, { random, casting, affirmed, absent }: Drawn): Answered {
  const word = affirmed ? pick(random, things).word : casting.vocabulary.nouns[absent]!.noun;
  const question = `${isBarePlural(word) ? "are" : "is"} there ${nounPhrase(word)}`;
  return { question: pick(random, [`${question}?`, `${question} in the picture?`]), answer: yes(affirmed) };
}

function hypernymQuestions({ things }: Facts, { random, casting }: Drawn): Answered[] {
  const { hypernyms } = casting.vocabulary;
  const shownBy = ({ members }: { members: ReadonlySet<number> }) => things.some(({ noun }) => members.has(noun));
  const drawn = pick(random, hypernyms);
  const shown = hypernyms.filter(shownBy);
  const asked = !shownBy(drawn) && shown.length > 0 && chance(random, 0.6) ? pick(random, shown) : drawn;
  const holds = shownBy(asked);
  if (!holds && things.some(({ noun }) => asked.doubtful.has(noun))) return [];
  const { word } = asked;
  const question = word === "food" ? "is there any food?" : `is there ${article(word)} ${word}?`;
  return [{ question, answer: yes(holds) }];
}

function backgroundQuestions(facts: Facts, { random, affirmed, casting }: Drawn): Answered[] {
  const { background } = facts;
  switch (background.type) {
    case "color": {
      const { color } = background;
      const named = affirmed ? color : otherColor(random, [color]);
      return [
        { question: pick(random, ["what color is the background?", "what is the background color?"]), answer: color },
        ...(chance(random, 0.2) ? [{ question: "what pattern is the background?", answer: "plain" }] : []),
        { question: `is the background ${named}?`, answer: yes(affirmed) },
      ];
    }
    case "pattern":
      return chance(random, 0.4)
        ? [{ question: "what color is the background?", answer: background.color }]
        : [{ question: "what pattern is the background?", answer: background.pattern }];
    case "place": {
      const where = whereQuestion(facts, random, casting.vocabulary);
      return [{ question: pick(random, ["where is this?", "what place is this?", where]), answer: background.place }];
    }
    case "two":
      return [];
  }
}

/** If several zones describe the thing, only its position is asked. */
function whereQuestion(facts: Facts, random: Random, vocabulary: Vocabulary): string {
  if (facts.kind === "single" && facts.zone !== undefined) return "where is this?";
  const i = random.below(facts.things.length);
  const { noun, word } = facts.things[i]!;
  const many = copiesOf(facts, i) > 1;
  return many ? `where are the ${pluralOf(word, noun, vocabulary)}?` : `where ${verb(word)} the ${word}?`;
}

/** Questions for this kind of scene. */
function ownQuestions(facts: Facts, drawn: Drawn): Answered[] {
  const { nouns } = drawn.casting.vocabulary;
  const answerAt = (i: number) => nouns[facts.things[i]!.noun]!.noun;
  switch (facts.kind) {
    case "single":
      return singleQuestions(facts, drawn, answerAt(0));
    case "pair":
    case "size":
      return pairQuestions(facts, drawn, [answerAt(0), answerAt(1)]);
    case "count":
      return countQuestions(facts, drawn);
    case "three": {
      if (!facts.inRow) return [];
      const [left, , right] = facts.things;
      const { random } = drawn;
      return [
        { question: `what is between the ${left.word} and the ${right.word}?`, answer: answerAt(1) },
        { question: "what is in the middle?", answer: answerAt(1) },
        { question: pick(random, ["what is on the left?", "what is the leftmost thing?"]), answer: answerAt(0) },
        { question: pick(random, ["what is on the right?", "what is the rightmost thing?"]), answer: answerAt(2) },
      ];
    }
  }
}

function singleQuestions({ things, zone }: Single, { random, casting }: Drawn, answer: string): Answered[] {
  const [{ noun, word }] = things;
  const what = {
    question: pick(random, ["what is this?", "what is in the picture?", "what does the picture show?"]),
    answer,
  };
  const kind = casting.vocabulary.hypernyms.find(({ members }) => members.has(noun));
  return [
    // Twice as likely: the main question of such a scene.
    what,
    what,
    ...(zone === undefined ? [] : [{ question: `where ${verb(word)} the ${word}?`, answer: zoneAnswer(zone) }]),
    ...(kind === undefined ? [] : [{ question: "what kind of thing is this?", answer: kind.word }]),
  ];
}

function pairQuestions(facts: Pair, { random, affirmed }: Drawn, answers: readonly [string, string]): Answered[] {
  const { kind, relation, things } = facts;
  const [one, other] = [`the ${things[0].word}`, `the ${things[1].word}`];
  const be = verb(things[0].word);
  const asked = affirmed ? relation : inverse[relation];
  const questions = [
    { question: `what is ${pick(random, relationWords[relation])} ${other}?`, answer: answers[0] },
    { question: `what is ${pick(random, relationWords[inverse[relation]])} ${one}?`, answer: answers[1] },
    { question: `${be} ${one} ${relationWords[asked][0]} ${other}?`, answer: yes(affirmed) },
  ];
  if (kind === "pair") return questions;
  const choice = pickAt(random.uniform(), [`${one} or ${other}`, `${other} or ${one}`]);
  return [
    ...questions,
    { question: `which is bigger, ${choice}?`, answer: answers[0] },
    { question: `${be} ${one} ${affirmed ? "bigger" : "smaller"} than ${other}?`, answer: yes(affirmed) },
  ];
}

function countQuestions({ things, counts }: Count, { random, casting, affirmed, absent }: Drawn): Answered[] {
  const { nouns, countable } = casting.vocabulary;
  const howMany = (noun: number, n: number) => ({
    question: `how many ${nouns[noun]!.plural} are there?`,
    answer: String(n),
  });
  const first = howMany(things[0]!.noun, counts[0]!);
  const second = things[1];
  if (second === undefined || !countable[second.noun]) {
    const none = countable[absent] && chance(random, 0.3) ? [howMany(absent, 0)] : [];
    return [first, first, ...none];
  }
  const [more, fewer] = affirmed ? [0, 1] : [1, 0];
  const plural = (i: number) => nouns[things[i]!.noun]!.plural;
  return [
    first,
    first,
    howMany(second.noun, counts[1]!),
    {
      question: `are there more ${plural(more)} than ${plural(fewer)}?`,
      answer: yes(counts[more]! > counts[fewer]!),
    },
  ];
}
