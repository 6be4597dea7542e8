/** Paints backgrounds. */
import { Random } from "bridgetower/learner";
import { between, chance, pick } from "../draws.js";
import { type Background, type Color, colors, type Pattern, type Place } from "./background.js";
import { type Rgb, softNoise } from "./canvas.js";
import { paintPlace } from "./places.js";

/** The maximum deviation of a channel from its colour, if it is not 20. */
const spreads: Partial<Record<Color, number>> = { black: 14, white: 5, gray: 16 };

/** Cached places, by bank: those of training and those of tests. */
const bankSizes = { train: 48, test: 16 } as const;

export type Bank = keyof typeof bankSizes;

/** Paints backgrounds of one size. Places are painted when they are first needed and cached: 27 KB each at 96 pixels. */
export class BackgroundPainter {
  private readonly places = new Map<string, Uint8Array>();

  constructor(
    private readonly edge: number,
    private readonly bank: Bank,
  ) {}

  /** @param out RGB [edge, edge, 3], all of it painted */
  paint(background: Background, random: Random, out: Uint8Array): void {
    switch (background.type) {
      case "color":
        return this.paintColor(background.color, random, out);
      case "two": {
        const [one, other] = background.colors.map((color) => closeTo(random, color));
        const [from, to] = chance(random, 0.5) ? [one!, other!] : [other!, one!];
        return fade(out, this.edge, from, to, chance(random, 0.5));
      }
      case "pattern":
        return paintPattern(background.pattern, closeTo(random, background.color), random, this.edge, out);
      case "place": {
        const place = this.place(background.place, random.below(bankSizes[this.bank]));
        if (chance(random, 0.5)) mirror(place, this.edge, out);
        else out.set(place);
      }
    }
  }

  /** Flat, shaded or cloudy. */
  private paintColor(name: Color, random: Random, out: Uint8Array): void {
    const { edge } = this;
    const color = closeTo(random, name);
    const extreme = name === "white" || name === "black";
    const kind = random.uniform();
    if (kind < 0.5) return fade(out, edge, color, color, false);
    if (kind < 0.75) {
      const depth = between(random, 6, 26) * (extreme ? 0.5 : 1);
      const sideways = chance(random, 0.5);
      return fade(out, edge, shifted(color, -depth), shifted(color, depth), sideways);
    }
    const strength = between(random, 20, 60) / (extreme || name === "gray" ? 3 : 2);
    const noise = softNoise(random, edge, 3 + random.below(11));
    for (let pixel = 0, to = 0; pixel < noise.length; pixel++) {
      const light = strength * noise[pixel]!;
      for (let c = 0; c < 3; c++, to++) out[to] = clamped(color[c]! + light);
    }
  }

  /** The same for every seed: seeds do not change the places that training shows. */
  private place(place: Place, number: number): Uint8Array {
    const key = `${place} ${number}`;
    const known = this.places.get(key);
    if (known !== undefined) return known;
    const painted = paintPlace(place, this.edge, new Random(0, "place", place, this.bank, number));
    this.places.set(key, painted);
    return painted;
  }
}

function closeTo(random: Random, name: Color): Rgb {
  const spread = spreads[name] ?? 20;
  const [red, green, blue] = colors[name];
  const at = (value: number) => Math.min(255, Math.max(0, value + between(random, -spread, spread)));
  return [at(red), at(green), at(blue)];
}

const shifted = ([red, green, blue]: Rgb, by: number): Rgb => [red + by, green + by, blue + by];

const clamped = (value: number) => (value <= 0 ? 0 : value >= 255 ? 255 : value);

/** From the first colour at the top, or at the left, to the other one. */
function fade(out: Uint8Array, edge: number, from: Rgb, to: Rgb, sideways: boolean): void {
  const line = new Uint8Array(edge * 3);
  for (let i = 0; i < edge; i++) {
    const share = i / Math.max(1, edge - 1);
    for (let c = 0; c < 3; c++) line[3 * i + c] = clamped(from[c]! + (to[c]! - from[c]!) * share);
  }
  for (let y = 0, row = 0; y < edge; y++, row += line.length) {
    if (sideways) out.set(line, row);
    else for (let c = 0; c < line.length; c += 3) for (let k = 0; k < 3; k++) out[row + c + k] = line[3 * y + k]!;
  }
}

function mirror(image: Uint8Array, edge: number, out: Uint8Array): void {
  for (let y = 0, to = 0; y < edge; y++) {
    for (let source = (y + 1) * edge * 3 - 3, x = 0; x < edge; x++, source -= 3, to += 3) {
      out[to] = image[source]!;
      out[to + 1] = image[source + 1]!;
      out[to + 2] = image[source + 2]!;
    }
  }
}

function paintPattern(pattern: Pattern, color: Rgb, random: Random, edge: number, out: Uint8Array): void {
  const brightness = (color[0] + color[1] + color[2]) / 3;
  const second = chance(random, 0.6)
    ? shifted(color, brightness < 150 ? 75 : -60)
    : shifted([0, 0, 0], brightness < 190 ? 250 : 60);
  // Periods are drawn in pixels of a canvas of 96 and scaled, so that a pattern looks the same at any size.
  const period = ((8 + random.below(9)) * edge) / 96;
  const offset = random.uniform() * period;
  const direction = pick(random, [
    [0, 1],
    [1, 0],
    [1, 1],
  ] as const);
  const marked = marks[pattern];
  for (let y = 0, to = 0; y < edge; y++) {
    for (let x = 0; x < edge; x++, to += 3) {
      const painted = marked((x + offset) / period, (y + offset) / period, direction) ? second : color;
      for (let c = 0; c < 3; c++) out[to + c] = clamped(painted[c]!);
    }
  }
}

const fraction = (t: number) => t - Math.floor(t);

/** Which points have the second colour; coordinates in periods. */
const marks: Readonly<Record<Pattern, (x: number, y: number, direction: readonly [number, number]) => boolean>> = {
  striped: (x, y, [alongX, alongY]) => fraction(alongX * x + alongY * y) < 0.4,
  dotted: (x, y) => {
    const [across, down] = [fraction(x + (Math.floor(y) % 2) / 2) - 0.5, fraction(y) - 0.5];
    return across * across + down * down < 0.24 * 0.24;
  },
  checkered: (x, y) => (Math.floor(x) + Math.floor(y)) % 2 === 0,
};
