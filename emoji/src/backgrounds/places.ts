/**
 * The twelve drawn places. Lengths are shares of the edge, so that a place looks the same at any size; only its noise is sampled for each
 * pixel.
 */
import type { Random } from "bridgetower/learner";
import { between, chance } from "../draws.js";
import type { Place } from "./background.js";
import { Canvas, type Rgb, shade, softNoise } from "./canvas.js";

type Mask = (x: number, y: number) => boolean;

/** A place that is being drawn. */
interface Sketch {
  readonly canvas: Canvas;
  readonly edge: number;
  /** Shapes and colours. */
  readonly random: Random;
  /** Noise of single pixels, from a separate stream, so that shapes do not depend on the size. */
  readonly grain: Random;
  /** Height of the horizon, a share of the edge from the top. */
  readonly horizon: number;
}

const painters: Readonly<Record<Place, (sketch: Sketch) => void>> = {
  grass: (sketch) => {
    const below = land(sketch, [110, 180, 245], [200, 230, 250], [110, 185, 70], [60, 140, 45]);
    sketch.canvas.lighten((x, y) => (below(x, y) ? 10 * sketch.grain.normal() : 0));
  },
  beach: (sketch) => {
    const { canvas, edge, horizon } = sketch;
    const below = land(sketch, [120, 190, 245], [205, 235, 250], [240, 215, 150], [225, 190, 120], 0.01);
    const water = near(sketch, [60, 150, 205]);
    canvas.fill(
      () => water,
      (x, y) => y >= (horizon - 1 / 6) * edge && !below(x, y),
    );
  },
  sea: (sketch) => {
    const { canvas, edge, random } = sketch;
    const below = land(sketch, [140, 195, 245], [215, 235, 250], [50, 120, 195], [20, 70, 140], 0.012);
    const waves = between(random, 48, 86) / edge;
    canvas.lighten((x, y) => (below(x, y) ? 9 * Math.sin(y * waves + 2 * Math.sin((x * 10.7) / edge)) : 0));
  },
  night: (sketch) => {
    const below = land(sketch, [10, 15, 50], [35, 45, 95], [20, 35, 30], [10, 20, 18]);
    sprinkle(sketch, 0.012, [240, 240, 240], (x, y) => !below(x, y));
  },
  desert: (sketch) => {
    land(sketch, [245, 200, 140], [250, 225, 180], [225, 165, 85], [190, 125, 60], 0.06);
  },
  snow: (sketch) => {
    land(sketch, [170, 200, 230], [215, 228, 240], [245, 248, 252], [225, 235, 245], 0.04);
    sprinkle(sketch, 0.015, [255, 255, 255]);
  },
  city: (sketch) => {
    const { canvas, edge, random } = sketch;
    canvas.fill(shade(edge, near(sketch, [160, 200, 235]), near(sketch, [225, 230, 235])));
    for (let left = 0; left < 1;) {
      const right = left + between(random, 0.1, 0.2);
      house(sketch, left, right, between(random, 0.2, 0.6));
      left = right;
    }
    canvas.rectangle(0, 0.88, 1, 1, near(sketch, [85, 85, 90]));
  },
  room: (sketch) => {
    const { canvas, edge, random, horizon } = sketch;
    const below = land(sketch, [235, 215, 190], [225, 205, 180], [165, 115, 75], [140, 95, 60], 0);
    canvas.lighten((x, y) => (below(x, y) ? (Math.floor((y * 19.2) / edge) % 2) * 10 - 5 : 0));
    canvas.rectangle(0, horizon - 0.03, 1, horizon, near(sketch, [250, 245, 235]));
    const left = between(random, 0.05, 0.7);
    canvas.rectangle(left, 0.1, left + 0.22, 0.36, near(sketch, [185, 220, 245]));
    canvas.rectangle(left + 0.105, 0.1, left + 0.115, 0.36, [250, 250, 250]);
  },
  space: (sketch) => {
    const { canvas, edge, random, grain } = sketch;
    canvas.fill(shade(edge, near(sketch, [8, 6, 20], 5), near(sketch, [25, 10, 45], 8)));
    const clouds = softNoise(random, edge, 6);
    canvas.lighten((_x, _y, pixel) => 40 * clouds[pixel]!);
    for (let star = 0; star < 3; star++) {
      const light = between(grain, 150, 255);
      sprinkle(sketch, 0.007, [light, light, light]);
    }
  },
  underwater: (sketch) => {
    const { canvas, edge, random } = sketch;
    canvas.fill(shade(edge, near(sketch, [70, 180, 220]), near(sketch, [5, 50, 110])));
    const light = softNoise(random, edge, 8);
    canvas.lighten((_x, _y, pixel) => 30 * light[pixel]!);
    for (let bubbles = 5 + random.below(7); bubbles > 0; bubbles--) {
      const [left, top, radius] = [random.uniform() * edge, random.uniform() * edge, between(random, 1.5, 4)];
      const ring = (x: number, y: number) => Math.abs(Math.hypot(x - left, y - top) - (radius * edge) / 96);
      canvas.lighten((x, y) => (ring(x, y) < (0.8 * edge) / 96 ? 50 : 0));
    }
  },
  road: (sketch) => {
    const { canvas, random, horizon } = sketch;
    land(sketch, [135, 190, 240], [210, 230, 245], [120, 175, 85], [90, 145, 60], 0.01);
    const top = horizon + (1 - horizon) / 4;
    canvas.rectangle(0, top, 1, 1, near(sketch, [80, 80, 85], 8));
    const middle = (top + 1) / 2;
    for (let left = 0.08 * random.uniform(); left < 1; left += 1 / 6) {
      canvas.rectangle(left, middle, left + 1 / 12, middle + 0.021, [240, 240, 240]);
    }
  },
  sunset: (sketch) => {
    const { canvas, edge, random, horizon } = sketch;
    const below = land(sketch, [235, 95, 60], [255, 200, 90], [70, 40, 70], [40, 25, 50], 0.015);
    const [left, radius] = [between(random, 0.2, 0.8) * edge, between(random, 0.08, 0.13) * edge];
    canvas.fill(
      () => [255, 235, 150],
      (x, y) => !below(x, y) && Math.hypot(x - left, y - horizon * edge) < radius,
    );
  },
};

/** @returns RGB [edge, edge, 3] */
export function paintPlace(place: Place, edge: number, random: Random): Uint8Array {
  const shapes = random.at("shapes");
  const horizon = between(shapes, 0.5, 0.72);
  const sketch: Sketch = { canvas: new Canvas(edge), edge, random: shapes, grain: random.at("grain"), horizon };
  painters[place](sketch);
  const roughness = between(shapes, 0, 4);
  sketch.canvas.lighten(() => roughness * sketch.grain.normal());
  return sketch.canvas.bytes();
}

/** A colour close to this one. */
function near({ random }: Sketch, color: Rgb, deviation = 12): Rgb {
  const at = (c: 0 | 1 | 2) => Math.min(255, Math.max(0, color[c] + deviation * random.normal()));
  return [at(0), at(1), at(2)];
}

/** Sky above a horizon with hills as high as `hills`, ground below it. @returns where the ground is */
function land(sketch: Sketch, skyTop: Rgb, skyBottom: Rgb, top: Rgb, bottom: Rgb, hills = 0.03): Mask {
  const { canvas, edge, random, horizon } = sketch;
  const ground = shade(edge, near(sketch, top), near(sketch, bottom));
  canvas.fill(shade(edge, near(sketch, skyTop), near(sketch, skyBottom)));
  const [waves, phase, height] = [between(random, 3, 9), between(random, 0, 6), hills * between(random, 0.3, 1)];
  const below: Mask = (x, y) => y / edge >= horizon + height * Math.sin((x / edge) * waves + phase);
  canvas.fill(ground, below);
  return below;
}

function sprinkle({ canvas, grain }: Sketch, share: number, color: Rgb, where: Mask = () => true): void {
  canvas.fill(
    () => color,
    (x, y) => grain.uniform() < share && where(x, y),
  );
}

/** A house with lit and dark windows. */
function house(sketch: Sketch, left: number, right: number, top: number): void {
  const { canvas, random } = sketch;
  const wall = near(sketch, [115, 115, 130], 22);
  const lit = (by: number): Rgb => [wall[0] + by, wall[1] + by, wall[2] + by];
  canvas.rectangle(left, top, right, 1, wall);
  for (let y = top + 0.03; y < 0.96; y += 0.073) {
    for (let x = left + 0.02; x < right - 0.03; x += 0.052) {
      canvas.rectangle(x, y, x + 0.021, y + 0.031, lit(chance(random, 0.6) ? 70 : -30));
    }
  }
}
