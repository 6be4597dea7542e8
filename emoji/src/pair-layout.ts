/** Two scenes with a statement about both. */
import type { Random } from "bridgetower/learner";
import { type Background, colorNames } from "./backgrounds/background.js";
import type { Casting } from "./casting.js";
import { chance, drawUntil, pick } from "./draws.js";
import { drawLayout, type Layout, type LayoutRequest } from "./layout.js";
import { splitRules } from "./splits.js";
import { backgroundTypes, drawStatements, type Statement, statementTypes } from "./texts/statements.js";

export interface PairLayout {
  readonly layouts: readonly [Layout, Layout];
  readonly statement: Statement;
}

/**
 * Samples type and truth first, then scenes until they fit, so that the type of a statement says nothing about its truth. After 60 failed
 * pairs, any type with that truth is accepted.
 */
export function drawPairLayout(random: Random, casting: Casting): PairLayout {
  const truth = chance(random, 0.5);
  const type = pick(random, statementTypes);
  let tries = 0;
  return drawUntil("pair of scenes", () => {
    tries++;
    const drawn = drawPair(random, casting);
    const layouts = backgroundTypes.includes(type) ? onPlainColors(random, drawn) : drawn;
    if (!layouts.every((layout) => mayShow(layout, casting))) return undefined;
    const [left, right] = layouts;
    const statements = drawStatements(random, left.facts, right.facts, casting);
    const fitting = statements.filter((one) => one.truth === truth && (one.type === type || tries > 60));
    return fitting.length === 0 ? undefined : { layouts, statement: pick(random, fitting) };
  });
}

/** In six cases of ten they share a noun, often in another number. */
function drawPair(random: Random, casting: Casting): readonly [Layout, Layout] {
  const left = drawLayout(random, casting);
  if (!chance(random, 0.6)) return [left, drawLayout(random, casting)];
  const { noun } = pick(random, left.facts.things);
  return [left, drawLayout(random, casting, sharing(random, noun, casting))];
}

function sharing(random: Random, noun: number, casting: Casting): LayoutRequest {
  const kind = pick(random, ["single", "count", "pair"] as const);
  if (kind === "pair") {
    const other = casting.companion(random, [noun]);
    return { kind, nouns: chance(random, 0.5) ? [noun, other] : [other, noun] };
  }
  return { kind: kind === "count" && casting.vocabulary.countable[noun] ? "count" : "single", nouns: [noun] };
}

/** The same scenes on plain backgrounds, in 45% of cases of the same colour. */
function onPlainColors(random: Random, [left, right]: readonly [Layout, Layout]): readonly [Layout, Layout] {
  const plain = (): Background => ({ type: "color", color: pick(random, colorNames) });
  const color = plain();
  return [before(left, color), before(right, chance(random, 0.45) ? color : plain())];
}

function before({ facts, placed }: Layout, background: Background): Layout {
  return { facts: { ...facts, background }, placed };
}

/** A shared noun or a changed background was not sampled by the rules of the split. */
function mayShow({ facts }: Layout, casting: Casting): boolean {
  if (splitRules[casting.split].combinations === "unseen") return true;
  return casting.isSeen(
    facts.things.map(({ noun }) => noun),
    facts.background,
  );
}
