/** Hypotheses about a scene as in SNLI-VE: entailed, neutral or contradicted. */
import type { Random } from "bridgetower/learner";
import type { Casting } from "../casting.js";
import { pick } from "../draws.js";
import { copiesOf, type Facts } from "../facts.js";
import { verb } from "../vocabulary/grammar.js";
import { pluralOf } from "./caption.js";
import { drawContrast } from "./negative.js";

export interface Labelled {
  readonly text: string;
  readonly label: number;
}

/** Labels of SNLI-VE. */
export const entailmentLabels = { contradiction: 0, neutral: 1, entailment: 2 } as const;

type OpenSentence = (thing: string, be: string) => string;

/** Properties that no image can show, by the widest category of the thing. */
const openSentences: Readonly<Record<string, readonly OpenSentence[]>> = {
  animal: [
    (thing, be) => `the ${thing} ${be} hungry`,
    (thing, be) => `the ${thing} ${be} three years old`,
    (thing, be) => `the ${thing} ${be} called max`,
    (thing, be) => `the ${thing} ${be} tired`,
  ],
  food: [
    (thing, be) => `the ${thing} ${be} delicious`,
    (thing, be) => `the ${thing} ${be} for sale`,
    (thing) => `somebody will eat the ${thing}`,
    (thing, be) => `the ${thing} ${be} expensive`,
  ],
  drink: [(thing, be) => `the ${thing} ${be} cold`, (thing) => `somebody will drink the ${thing}`],
  vehicle: [
    (thing, be) => `the ${thing} ${be} very fast`,
    (thing, be) => `the ${thing} ${be} new`,
    (thing, be) => `the ${thing} ${be} going to paris`,
  ],
  person: [
    (thing, be) => `the ${thing} ${be} friendly`,
    (thing, be) => `the ${thing} ${be} from spain`,
    (thing, be) => `the ${thing} ${be} thirty years old`,
  ],
};
const openOfAnything: readonly OpenSentence[] = [
  (thing, be) => `the ${thing} ${be} very old`,
  (thing, be) => `the ${thing} ${be} ${be === "are" ? "presents" : "a present"}`,
  (thing, be) => `the ${thing} ${be} expensive`,
  (thing, be) => `the ${thing} ${be} from another country`,
  (thing) => `somebody bought the ${thing} yesterday`,
];

/** One of each label: entailment and contradiction differ in one fact. */
export function drawHypotheses(random: Random, facts: Facts, casting: Casting): Labelled[] {
  const { truth, text } = drawContrast(random, facts, casting);
  return [
    { text: truth, label: entailmentLabels.entailment },
    { text, label: entailmentLabels.contradiction },
    { text: openSentence(random, facts, casting), label: entailmentLabels.neutral },
  ];
}

function openSentence(random: Random, facts: Facts, { vocabulary }: Casting): string {
  const i = random.below(facts.things.length);
  const { noun, word } = facts.things[i]!;
  const { cats } = vocabulary.nouns[noun]!;
  // "tooth" has the category person, but is not friendly.
  const category = cats.at(-1) === "body" ? "" : cats[0]!;
  const open = pick(random, openSentences[category] ?? openOfAnything);
  return copiesOf(facts, i) > 1 ? open(pluralOf(word, noun, vocabulary), "are") : open(word, verb(word));
}
