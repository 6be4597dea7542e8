/** Statements about two scenes, true or false, as NLVR2 has them. */
import type { Random } from "bridgetower/learner";
import { type Color, colorsAlike, otherColor } from "../backgrounds/background.js";
import type { Casting } from "../casting.js";
import { chance, pick } from "../draws.js";
import { countOf, type Facts } from "../facts.js";
import { article, nounPhrase, numeral } from "../vocabulary/grammar.js";

export const statementTypes = [
  "both",
  "only",
  "right",
  "none",
  "more",
  "same",
  "total",
  "same background",
  "two backgrounds",
  "left and right",
  "one and other",
] as const;
export type StatementType = (typeof statementTypes)[number];

/** Types that compare plain backgrounds. */
export const backgroundTypes: readonly StatementType[] = ["same background", "two backgrounds"];

export interface Statement {
  readonly type: StatementType;
  readonly text: string;
  readonly truth: boolean;
}

/** All statements about these two scenes, at most one of each type. */
export function drawStatements(random: Random, left: Facts, right: Facts, casting: Casting): Statement[] {
  const noun = pick(random, chance(random, 0.6) ? left.things : right.things).noun;
  return [
    ...(isTakenFor(noun, [left, right], casting) ? [] : countStatements(random, noun, [left, right], casting)),
    ...backgroundStatements(random, left, right),
    ...contentStatements(random, left, right, casting),
  ];
}

/** Whether a scene shows another noun that can be confused with this one. */
function isTakenFor(noun: number, scenes: readonly Facts[], { vocabulary }: Casting): boolean {
  const others = scenes.flatMap(({ things }) => things.map((thing) => thing.noun)).filter((other) => other !== noun);
  return others.some((other) => vocabulary.confusable(noun, other));
}

function countStatements(
  random: Random,
  noun: number,
  [left, right]: readonly [Facts, Facts],
  { vocabulary }: Casting,
): Statement[] {
  const { noun: word, plural } = vocabulary.nouns[noun]!;
  const phrase = nounPhrase(word);
  const [inLeft, inRight] = [countOf(left, noun), countOf(right, noun)];
  const presence: Statement[] = [
    { type: "both", text: `both images contain ${phrase}`, truth: inLeft > 0 && inRight > 0 },
    { type: "only", text: `only the left image shows ${phrase}`, truth: inLeft > 0 && inRight === 0 },
    { type: "right", text: `the right image shows ${phrase}`, truth: inRight > 0 },
    { type: "none", text: `there is no ${word} in the right image`, truth: inRight === 0 },
  ];
  if (!vocabulary.countable[noun]) return presence;
  const sum = inLeft + inRight;
  const named = chance(random, 0.5) ? sum : Math.max(1, sum + pick(random, [-1, 1]));
  const counted = named === 1 ? `is exactly one ${word}` : `are exactly ${numeral(Math.min(7, named))} ${plural}`;
  return [
    ...presence,
    {
      type: "more",
      text: `there are more ${plural} in the left image than in the right image`,
      truth: inLeft > inRight,
    },
    { type: "same", text: `both images show the same number of ${plural}`, truth: inLeft === inRight },
    // Numerals end at seven.
    ...(named > 7 ? [] : [{ type: "total", text: `there ${counted} in total`, truth: sum === named } as const]),
  ];
}

function backgroundStatements(random: Random, left: Facts, right: Facts): Statement[] {
  if (left.background.type !== "color" || right.background.type !== "color") return [];
  const [one, other] = [left.background.color, right.background.color];
  const same = one === other;
  if (!same && colorsAlike(one, other)) return [];
  // If the backgrounds are equal, a second colour is sampled. If they differ, one is replaced in half of the cases.
  const first = same ? otherColor(random, [other]) : one;
  const exchanged = same || chance(random, 0.5) ? other : otherColor(random, [one, other]);
  return [
    { type: "same background", text: "both images have the same background color", truth: same },
    {
      type: "two backgrounds",
      text: `one image has ${named(first)} and the other has ${named(exchanged)}`,
      truth: !same && exchanged === other,
    },
  ];
}

const named = (color: Color) => `${article(color)} ${color} background`;

function contentStatements(random: Random, left: Facts, right: Facts, casting: Casting): Statement[] {
  const { nouns } = casting.vocabulary;
  const nounsOf = ({ things }: Facts) => things.map(({ noun }) => noun);
  const [inLeft, inRight] = [pick(random, nounsOf(left)), pick(random, nounsOf(right))];
  const seenIn = (noun: number, scene: Facts) =>
    nounsOf(scene).some((other) => casting.vocabulary.confusable(noun, other));
  if (seenIn(inLeft, right) || seenIn(inRight, left)) return [];
  const phrase = (noun: number) => nounPhrase(nouns[noun]!.noun);
  const truth = chance(random, 0.5);
  const absent = casting.absentNoun(random, [...nounsOf(left), ...nounsOf(right)]);
  const [shownLeft, shownRight] = truth ? [inLeft, inRight] : [inRight, inLeft];
  return [
    {
      type: "left and right",
      text: `the left image shows ${phrase(shownLeft)} and the right image shows ${phrase(shownRight)}`,
      truth,
    },
    {
      type: "one and other",
      text: `one image shows ${phrase(inLeft)} and the other shows ${phrase(truth ? inRight : absent)}`,
      truth,
    },
  ];
}
