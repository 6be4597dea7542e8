/** The splits of the scenes: which drawings, combinations and words each of them shows. */
/** Art that training shows; the other sets are unseen styles. */
const trainingSets = ["noto", "noto-v1", "twemoji", "fluent-emoji-flat", "fluent-3d", "fxemoji", "emojione"] as const;

export function isTrainingSet(set: string): boolean {
  return (trainingSets as readonly string[]).includes(set);
}

interface SplitRules {
  /** Drawings of the first thing; where another has none of these, those of training. */
  readonly shows: (drawing: { readonly set: string; readonly held: boolean }) => boolean;
  /** What about the combination of things and background is new. */
  readonly combinations: "seen" | "unseen";
  /** Whether every scene has a word that training shows in captions of single things only. */
  readonly heldWords: boolean;
  /** Share of things that go by a synonym where they have one. */
  readonly synonyms: number;
}

const seen = {
  shows: ({ set, held }) => isTrainingSet(set) && !held,
  combinations: "seen",
  heldWords: false,
  synonyms: 0.2,
} satisfies SplitRules;

export const splitRules = {
  train: seen,
  /** Scenes and drawn places that training does not have, of things that it has. */
  val: seen,
  /** Two nouns, or one noun and a background, that training never shows together. */
  combo: { ...seen, combinations: "unseen" },
  /** Drawings of known styles that training never shows. */
  drawing: { ...seen, shows: ({ held }) => held },
  /** Art sets that training never shows. */
  style: { ...seen, shows: ({ set }) => !isTrainingSet(set), synonyms: 0.1 },
  /** The far style of the two, outlined. */
  "style-openmoji": { ...seen, shows: ({ set }) => set === "openmoji", synonyms: 0.1 },
  /** The near one. */
  "style-emojione-v1": { ...seen, shows: ({ set }) => set === "emojione-v1", synonyms: 0.1 },
  /** Words that training shows in captions of single things only, among other things. */
  synonym: { ...seen, heldWords: true },
} as const satisfies Readonly<Record<string, SplitRules>>;

export type Split = keyof typeof splitRules;

export const splits = Object.keys(splitRules) as readonly Split[];
