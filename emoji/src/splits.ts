/** The splits of the scenes: which drawings, combinations and words each of them shows. */
/** Art sets of training. The other sets are unseen styles. */
const trainingSets = ["noto", "noto-v1", "twemoji", "fluent-emoji-flat", "fluent-3d", "fxemoji", "emojione"] as const;

export function isTrainingSet(set: string): boolean {
  return (trainingSets as readonly string[]).includes(set);
}

interface SplitRules {
  /** Drawings of the first thing. Other things may use those of training. */
  readonly shows: (drawing: { readonly set: string; readonly held: boolean }) => boolean;
  /** The combination of things and background that is new. */
  readonly combinations: "seen" | "unseen";
  /** Whether every scene has a word that training shows in captions of single things only. */
  readonly heldWords: boolean;
  /** Share of synonyms among the words of things that have one. */
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
  /** New scenes and places with the things of training. */
  val: seen,
  /** Two nouns, or one noun and a background, that training never shows together. */
  combo: { ...seen, combinations: "unseen" },
  /** Drawings of known styles that training never shows. */
  drawing: { ...seen, shows: ({ held }) => held },
  /** Art sets that training never shows. */
  style: { ...seen, shows: ({ set }) => !isTrainingSet(set), synonyms: 0.1 },
  /** Outlined, the one that differs more from training. */
  "style-openmoji": { ...seen, shows: ({ set }) => set === "openmoji", synonyms: 0.1 },
  /** The one closer to training. */
  "style-emojione-v1": { ...seen, shows: ({ set }) => set === "emojione-v1", synonyms: 0.1 },
  /** Synonyms that training has in captions of single things only, in scenes of several things. */
  synonym: { ...seen, heldWords: true },
} as const satisfies Readonly<Record<string, SplitRules>>;

export type Split = keyof typeof splitRules;

export const splits = Object.keys(splitRules) as readonly Split[];
