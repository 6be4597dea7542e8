import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parameterList, parseConfig, type Head } from "./index.js";

type Named = readonly [name: string, shape: readonly number[]];

interface NamesFile {
  readonly configs: Readonly<Record<string, unknown>>;
  readonly sizes: Readonly<Record<string, Readonly<Record<string, readonly Named[]>>>>;
  readonly differences: Readonly<
    Record<string, { readonly added: readonly Named[]; readonly removed: readonly Named[] }>
  >;
}

const folder = new URL("../../fixtures/data/model/", import.meta.url);
const read = (file: string): unknown => JSON.parse(readFileSync(new URL(file, folder), "utf8"));
const { configs, sizes, differences } = read("names.json") as NamesFile;

const headsOf: Readonly<Record<string, readonly Head[]>> = {
  BridgeTowerModel: [],
  BridgeTowerForImageAndTextRetrieval: ["itm"],
  BridgeTowerForMaskedLM: ["mlm"],
  BridgeTowerForContrastiveLearning: ["itc"],
};

const sorted = (named: readonly Named[]) => named.map(([name, shape]) => `${name} [${shape.join(", ")}]`).sort();

/** Names and shapes of all parameters of a checkpoint, read or not. */
function ours(config: unknown, heads: readonly Head[]): string[] {
  const { used, unused } = parameterList(parseConfig(config), heads);
  return sorted([...used, ...unused].map(({ name, shape }) => [name, shape]));
}

const classes = Object.keys(sizes).flatMap((size) => Object.keys(headsOf).map((name) => [size, name] as const));

test.each(classes)("%s %s: names and shapes are those of transformers", (size, name) => {
  const base = sizes[size]!.BridgeTowerModel!;
  const added = name === "BridgeTowerModel" ? [] : sizes[size]![name]!;
  expect(ours(configs[size], headsOf[name]!)).toEqual(sorted([...base, ...added]));
});

test.each(Object.keys(differences))("%s: names and shapes that differ from the tiny model's", (name) => {
  const { added, removed } = differences[name]!;
  const gone = new Set(removed.map(([name]) => name));
  const { config } = read(`${name}.json`) as { config: unknown };
  const base = sizes.tiny!.BridgeTowerModel!.filter(([name]) => !gone.has(name));
  expect(ours(config, [])).toEqual(sorted([...base, ...added]));
});

const unusedNames = (config: unknown) => [
  ...new Set(parameterList(parseConfig(config), ["itm", "mlm", "itc"]).unused.map(({ name }) => name)),
];
const tiny = configs.tiny as { vision_config: object };
const withVision = (changes: object) => ({ ...tiny, vision_config: { ...tiny.vision_config, ...changes } });
const textPooler = ["text_model.pooler.dense.weight", "text_model.pooler.dense.bias"];

test("no output reads the text tower's pooler, blocks past the text layers, and separate normalisations", () => {
  expect(unusedNames(tiny)).toEqual(textPooler);
  const deep = unusedNames(withVision({ num_hidden_layers: 4 }));
  expect(deep.slice(0, 2)).toEqual(textPooler);
  expect(deep.slice(2).every((name) => name.startsWith("vision_model.visual.transformer.resblocks.3."))).toBe(true);
  expect(deep).toHaveLength(2 + 12);
  const separate = unusedNames(withVision({ share_layernorm: false }));
  expect(separate.slice(2)).toEqual(
    [0, 1, 2].flatMap((i) => ["weight", "bias"].map((name) => `vision_model.visual.ln_separate.${i}.${name}`)),
  );
});

test("a head's parameters belong to its class alone", () => {
  const names = (heads: readonly Head[]) =>
    new Set(parameterList(parseConfig(tiny), heads).used.map(({ name }) => name));
  const none = names([]);
  const added = (head: Head) => [...names([head])].filter((name) => !none.has(name));
  expect(added("itm")).toEqual(["itm_score.fc.weight", "itm_score.fc.bias"]);
  expect(added("mlm").every((name) => name.startsWith("mlm_score."))).toBe(true);
  expect(added("itc").every((name) => name.startsWith("itc_") || name === "logit_scale")).toBe(true);
});

test("a contrastive head without a width is refused", () => {
  expect(() => parameterList(parseConfig({ model_type: "bridgetower" }), ["itc"])).toThrowErrorMatchingInlineSnapshot(
    `[InputError: contrastive_hidden_size in config.json: expected the width of the contrastive embeddings, found undefined. Use a checkpoint with contrastive heads, such as BridgeTower/bridgetower-large-itm-mlm-itc.]`,
  );
});

// Two normalisations in front of the first level, two link towers at each of the five others, each of a weight and a bias.
test.each([
  ["base", 18_432],
  ["large", 24_576],
])("METER of the %s size has twelve normalisations less, %i values", (size, fewer) => {
  const listOf = (changes: object) => {
    const { used, unused } = parameterList(parseConfig({ ...(configs[size] as object), ...changes }), ["itm", "mlm"]);
    return [...used, ...unused];
  };
  const [bridged, meter] = [listOf({}), listOf({ model_type: "meter" })];
  const names = new Set(meter.map(({ name }) => name));
  const missing = bridged.filter(({ name }) => !names.has(name));
  expect(missing.length).toBe(24);
  expect(missing.every(({ name }) => /^cross_modal_(text|image)_(layernorm|link_tower)\b/.test(name))).toBe(true);
  const count = (list: typeof bridged) =>
    list.reduce((total, { shape }) => total + shape.reduce<number>((product, size) => product * Number(size), 1), 0);
  expect(count(bridged) - count(meter)).toBe(fewer);
});
