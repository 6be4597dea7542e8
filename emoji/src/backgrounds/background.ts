/** The backgrounds of scenes: how they are sampled, named in a sentence, and changed into a clearly different one. */
import type { Random } from "bridgetower/learner";
import { chance, pick, sample } from "../draws.js";
import { article } from "../vocabulary/grammar.js";

/** RGB, 0..255. */
export const colors = {
  red: [214, 40, 40],
  orange: [244, 140, 30],
  yellow: [248, 218, 50],
  green: [60, 160, 70],
  blue: [45, 105, 215],
  purple: [130, 60, 180],
  pink: [248, 150, 190],
  brown: [125, 80, 45],
  gray: [140, 140, 142],
  black: [18, 18, 20],
  white: [250, 250, 250],
} as const satisfies Readonly<Record<string, readonly [number, number, number]>>;

export type Color = keyof typeof colors;
export const colorNames = Object.keys(colors) as readonly Color[];

/** With the noun for its elements, such as stripes. */
export const patterns = { striped: "stripes", dotted: "dots", checkered: "checks" } as const;

export type Pattern = keyof typeof patterns;
export const patternNames = Object.keys(patterns) as readonly Pattern[];

/** With how a sentence says it. */
export const places = {
  grass: "on the grass",
  beach: "on the beach",
  sea: "at sea",
  night: "at night",
  desert: "in the desert",
  snow: "in the snow",
  city: "in the city",
  room: "in a room",
  space: "in space",
  underwater: "under water",
  road: "on the road",
  sunset: "at sunset",
} as const;

export type Place = keyof typeof places;
export const placeNames = Object.keys(places) as readonly Place[];

export type Background =
  | { readonly type: "color"; readonly color: Color }
  /** Fading into each other. */
  | { readonly type: "two"; readonly colors: readonly [Color, Color] }
  | { readonly type: "pattern"; readonly color: Color; readonly pattern: Pattern }
  | { readonly type: "place"; readonly place: Place };

/** Whether two colours can be confused. Such colours are never each other's false answer. */
export const colorsAlike = pairsOf<Color>([
  ["red", "orange"],
  ["orange", "yellow"],
  ["orange", "brown"],
  ["red", "brown"],
  ["red", "pink"],
  ["purple", "pink"],
  ["gray", "white"],
  ["gray", "black"],
  ["blue", "purple"],
  ["brown", "black"],
  ["yellow", "white"],
  ["pink", "white"],
]);
const placesAlike = pairsOf<Place>([
  ["night", "space"],
  ["beach", "desert"],
  ["beach", "sea"],
  ["sea", "underwater"],
  ["sunset", "desert"],
  ["sunset", "sea"],
  ["city", "night"],
  ["road", "city"],
  ["sunset", "beach"],
  ["road", "grass"],
]);

function pairsOf<T extends string>(pairs: readonly (readonly [T, T])[]): (one: T, other: T) => boolean {
  const known = new Set(pairs.flatMap(([one, other]) => [`${one} ${other}`, `${other} ${one}`]));
  return (one, other) => one === other || known.has(`${one} ${other}`);
}

export function drawBackground(random: Random): Background {
  const kind = random.uniform();
  if (kind < 0.4) return { type: "color", color: chance(random, 0.2) ? "white" : pick(random, colorNames) };
  if (kind < 0.52) {
    let [one, other] = sample(random, colorNames, 2);
    while (colorsAlike(one!, other!)) [one, other] = sample(random, colorNames, 2);
    return { type: "two", colors: [one!, other!] };
  }
  if (kind < 0.66) return { type: "pattern", color: pick(random, colorNames), pattern: pick(random, patternNames) };
  return { type: "place", place: pick(random, placeNames) };
}

/** Its key in the rule for held-out combinations. */
export function backgroundKey(background: Background): string {
  switch (background.type) {
    case "color":
      return background.color;
    case "two":
      return background.colors.join(" ");
    case "pattern":
      return `${background.color} ${background.pattern}`;
    case "place":
      return background.place;
  }
}

/** `on a red background`, `at sea`. @param wording in [0, 1): which of the ways to say it */
export function backgroundPhrase(background: Background, wording: number): string {
  switch (background.type) {
    case "color":
      return `on ${article(background.color)} ${background.color} background`;
    case "two": {
      const [one, other] = wording < 0.5 ? background.colors : [background.colors[1], background.colors[0]];
      return `on ${article(one)} ${one} and ${other} background`;
    }
    case "pattern": {
      const { color, pattern } = background;
      if (wording < 0.6) return `on a ${pattern} ${color} background`;
      return `on ${article(color)} ${color} background with ${patterns[pattern]}`;
    }
    case "place":
      return places[background.place];
  }
}

/** A background of the same type that differs clearly. */
export function otherBackground<T extends Background>(random: Random, background: T): T;
export function otherBackground(random: Random, background: Background): Background {
  switch (background.type) {
    case "color":
      return { type: "color", color: otherColor(random, [background.color]) };
    case "two":
      return { type: "two", colors: [otherColor(random, background.colors), background.colors[1]] };
    case "pattern":
      return chance(random, 0.5)
        ? {
            ...background,
            pattern: pick(
              random,
              patternNames.filter((other) => other !== background.pattern),
            ),
          }
        : { ...background, color: otherColor(random, [background.color]) };
    case "place":
      return {
        type: "place",
        place: pick(
          random,
          placeNames.filter((other) => !placesAlike(other, background.place)),
        ),
      };
  }
}

/** A colour that cannot be confused with any of these. */
export function otherColor(random: Random, not: readonly Color[]): Color {
  return pick(
    random,
    colorNames.filter((color) => !not.some((other) => colorsAlike(color, other))),
  );
}
