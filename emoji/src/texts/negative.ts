/** False sentences that differ from true ones in one fact. */
import type { Random } from "bridgetower/learner";
import { otherBackground } from "../backgrounds/background.js";
import type { Casting } from "../casting.js";
import { chance, drawUntil, pick } from "../draws.js";
import { type Facts, inverse, type Pair, relations, type Thing, type Zone, zones } from "../facts.js";
import { usageOf } from "../layout.js";
import { neighboursOf, sentence } from "./caption.js";
import { drawWording, type Facet, mentioned, type Wording } from "./wording.js";

export interface Contrast {
  /** True of the scene. */
  readonly truth: string;
  /** The same sentence with one fact changed. */
  readonly text: string;
  readonly facet: Facet;
}

export function drawContrast(random: Random, facts: Facts, casting: Casting): Contrast {
  const { vocabulary } = casting;
  return drawUntil("false sentence", () => {
    const wording = drawWording(random, facts);
    const facet = drawFacet(random, wording);
    const changed = alter(random, facts, facet, casting);
    const truth = sentence(facts, wording, vocabulary);
    const text = sentence(changed, wording, vocabulary);
    // The sentence may not mention the change: the second of two counts, the third of a row.
    return text === truth || staysTrue(facts, changed, wording) ? undefined : { truth, text, facet };
  });
}

/** Changes backgrounds less often than things. */
function drawFacet(random: Random, wording: Wording): Facet {
  const all = mentioned(wording);
  return pick(random, chance(random, 0.7) ? all : all.filter((facet) => facet !== "bg"));
}

/** Two of a row may still be in order after a swap with the third. */
function staysTrue(facts: Facts, changed: Facts, wording: Wording): boolean {
  if (facts.kind !== "three" || wording.form !== "neighbours") return false;
  const places = neighboursOf(wording).map((i) =>
    facts.things.findIndex(({ noun }) => noun === changed.things[i]!.noun),
  );
  return places[0]! >= 0 && places[0]! < places[1]!;
}

/** The facts with this one changed. */
function alter(random: Random, facts: Facts, facet: Facet, casting: Casting): Facts {
  switch (facet) {
    case "bg":
      return { ...facts, background: otherBackground(random, facts.background) };
    case "obj":
      return otherThing(random, facts, casting);
    case "rel":
      return otherOrder(random, facts);
    case "size":
      if (facts.kind === "single") return { ...facts, size: facts.size === "big" ? "small" : "big" };
      return facts.kind === "size" ? exchanged(facts) : facts;
    case "count": {
      if (facts.kind !== "count") return facts;
      const [first, ...rest] = facts.counts;
      return {
        ...facts,
        counts: [
          pick(
            random,
            [1, 2, 3, 4, 5, 6].filter((n) => n !== first),
          ),
          ...rest,
        ],
      };
    }
    case "pos":
      return facts.kind === "single" ? { ...facts, zone: otherZone(random, facts.zone!) } : facts;
  }
}

/** Replaces a thing by one that is not in the scene. */
function otherThing(random: Random, facts: Facts, casting: Casting): Facts {
  const i = facts.kind === "count" ? 0 : random.below(facts.things.length);
  const { vocabulary } = casting;
  const kin = vocabulary.kin[facts.things[i]!.noun]!;
  const noun = drawUntil("other thing", () => {
    const drawn = chance(random, 0.6) && kin.length > 0 ? pick(random, kin) : random.below(vocabulary.nouns.length);
    const distinct = !facts.things.some((thing) => vocabulary.confusable(drawn, thing.noun));
    return distinct && (facts.kind !== "count" || vocabulary.countable[drawn]) ? drawn : undefined;
  });
  const thing: Thing = { noun, word: casting.seenWord(random, noun, usageOf(facts.kind)) };
  // The number of things is unchanged, so the type of the kind still holds.
  return { ...facts, things: facts.things.map((old, k) => (k === i ? thing : old)) } as Facts;
}

function otherOrder(random: Random, facts: Facts): Facts {
  if (facts.kind === "three") {
    const [left, middle, right] = facts.things;
    return { ...facts, things: chance(random, 0.5) ? [middle, left, right] : [left, right, middle] };
  }
  if (facts.kind !== "pair" && facts.kind !== "size") return facts;
  if (chance(random, 0.5)) return exchanged(facts);
  const sideways = facts.relation === "left" || facts.relation === "right";
  const crossing = relations.filter((other) => (other === "left" || other === "right") !== sideways);
  return { ...facts, relation: chance(random, 0.6) ? inverse[facts.relation] : pick(random, crossing) };
}

function exchanged(facts: Pair): Pair {
  return { ...facts, things: [facts.things[1], facts.things[0]] };
}

/** It neither contains the old zone nor is contained in it. */
function otherZone(random: Random, zone: Zone): Zone {
  const place = (of: Zone) => of.replace(" corner", "");
  const apart = zones
    .flat()
    .filter((other) => !place(other).includes(place(zone)) && !place(zone).includes(place(other)));
  return pick(random, apart);
}
