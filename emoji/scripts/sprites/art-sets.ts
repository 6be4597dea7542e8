/** Finds the drawing of a code point in each art set. All sets are development dependencies: the package contains weights, never art. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The drawing of a code point: SVG text, or the name of a WebP file. */
export type Art = { readonly svg: string } | { readonly file: string };

export interface ArtSet {
  readonly set: string;
  /** Package and version. */
  readonly source: string;
  readonly art: (codePoint: string) => Art | undefined;
}

interface Icon {
  readonly body: string;
  readonly left?: number;
  readonly top?: number;
  readonly width?: number;
  readonly height?: number;
}

interface IconFile {
  readonly icons: Readonly<Record<string, Icon>>;
  readonly aliases?: Readonly<Record<string, { readonly parent: string }>>;
  readonly width?: number;
  readonly height?: number;
}

type NamesByCode = Readonly<Record<string, string>>;

/** Sets that list their code points. */
const listed = ["noto", "twemoji", "fluent-emoji-flat", "openmoji"];
/** Sets without a list of code points. Their icons have the names of the other sets, or older names. */
const named = ["noto-v1", "emojione", "emojione-v1"];

/** Older names of emoji, used in the older sets. */
const olderNames: NamesByCode = {
  "1f63a": "smiling-cat-face-with-open-mouth",
  "1f638": "grinning-cat-face-with-smiling-eyes",
  "1f63c": "cat-face-with-wry-smile",
  "1f63d": "kissing-cat-face-with-closed-eyes",
  "1f640": "weary-cat-face",
  "1f63f": "crying-cat-face",
  "1f63e": "pouting-cat-face",
  "231b": "hourglass",
  "1f916": "robot-face",
  "1f3af": "direct-hit",
  "1f50d": "left-pointing-magnifying-glass",
};

/** Drawings of something else under the same name: a cricket bat, a page, a synthesizer, a building site. */
const mistaken: Readonly<Record<string, readonly string[]>> = {
  "noto-v1": ["1f997"],
  emojione: ["1f997"],
  "emojione-v1": ["1f997"],
  fxemoji: ["1f5a5", "2328", "1f6a7"],
};
/** A pistol in the sets without code points, a water gun elsewhere. */
const pistol = "1f52b";

/** Every set of the vocabulary, from the packages that `packages` resolves. */
export function artSets(packages: NodeJS.Require): ArtSet[] {
  const charsOf = (set: string) => packages(`@iconify-json/${set}/chars.json`) as NamesByCode;
  const chars = new Map(listed.map((set) => [set, charsOf(set)]));
  const namesOf = (code: string) => [olderNames[code], ...[...chars.values()].map((names) => names[code])];
  const fxemoji = JSON.parse(readFileSync(new URL("fxemoji.json", import.meta.url), "utf8")) as NamesByCode;
  const iconSet = (set: string, candidates: (code: string) => readonly (string | undefined)[]): ArtSet => {
    const file = packages(`@iconify-json/${set}/icons.json`) as IconFile;
    const wrong = new Set(listed.includes(set) ? [] : [pistol, ...(mistaken[set] ?? [])]);
    return {
      set,
      source: sourceOf(packages, `@iconify-json/${set}`),
      art: (code) => (wrong.has(code) ? undefined : firstIcon(file, candidates(code))),
    };
  };
  return [
    ...listed.map((set) => iconSet(set, (code) => [chars.get(set)![code]])),
    ...named.map((set) => iconSet(set, namesOf)),
    iconSet("fxemoji", (code) => [fxemoji[code]]),
    fluent3d(packages),
  ];
}

function firstIcon(file: IconFile, names: readonly (string | undefined)[]): Art | undefined {
  for (const name of names) {
    if (name === undefined) continue;
    const icon = file.icons[name] ?? file.icons[file.aliases?.[name]?.parent ?? ""];
    if (icon !== undefined) return { svg: svgOf(file, icon) };
  }
  return undefined;
}

/** An icon as an SVG file of 192 x 192 pixels. */
export function svgOf(file: IconFile, { body, left = 0, top = 0, ...icon }: Icon): string {
  const width = icon.width ?? file.width ?? 16;
  const height = icon.height ?? file.height ?? 16;
  const names = `xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"`;
  return `<svg ${names} width="192" height="192" viewBox="${left} ${top} ${width} ${height}">${body}</svg>`;
}

function fluent3d(packages: NodeJS.Require): ArtSet {
  const name = "@lobehub/fluent-emoji-3d";
  const folder = join(dirname(packages.resolve(`${name}/package.json`)), "assets");
  const files = new Map(readdirSync(folder).map((file) => [codeOf(file), join(folder, file)]));
  return {
    set: "fluent-3d",
    source: sourceOf(packages, name),
    art: (code) => {
      const file = files.get(code);
      return file === undefined ? undefined : { file };
    },
  };
}

const codeOf = (file: string) => file.replace(/\.webp$/, "").replaceAll("-fe0f", "");

function sourceOf(packages: NodeJS.Require, name: string): string {
  const { version } = packages(`${name}/package.json`) as { readonly version: string };
  return `${name}@${version}`;
}

/** Resolves packages from a folder with node_modules. */
export function packagesIn(folder: string): NodeJS.Require {
  return createRequire(join(folder, "package.json"));
}
