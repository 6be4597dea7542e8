/** Imports point one way: graph -> nn -> model, three leaves beside them, inference and training above, interfaces on top. */
import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

interface Layer {
  /** Layers whose `index.ts`, and `internal.ts` if there is one, it may import. All may import `errors.ts` and `arguments.ts`. */
  readonly mayImport: readonly string[];
  /** Pure: no Node and no package, so that it runs in a browser unchanged. */
  readonly pure: boolean;
}

const layers: Readonly<Record<string, Layer>> = {
  errors: { mayImport: [], pure: true },
  arguments: { mayImport: [], pure: true },
  files: { mayImport: [], pure: false },
  threads: { mayImport: [], pure: false },
  random: { mayImport: [], pure: false },
  graph: { mayImport: [], pure: true },
  nn: { mayImport: ["graph"], pure: true },
  model: { mayImport: ["graph", "nn"], pure: true },
  checkpoint: { mayImport: ["files", "graph", "model"], pure: false },
  processing: { mayImport: ["files", "threads", "graph"], pure: false },
  runtime: { mayImport: ["threads", "graph"], pure: false },
  conversion: {
    mayImport: ["threads", "files", "random", "graph", "nn", "model", "checkpoint", "processing", "runtime"],
    pure: false,
  },
  inference: {
    mayImport: ["threads", "files", "graph", "nn", "model", "checkpoint", "processing", "runtime", "conversion"],
    pure: false,
  },
  distributed: { mayImport: ["files"], pure: false },
  data: { mayImport: ["files", "threads", "random", "graph", "checkpoint", "processing"], pure: false },
  learner: {
    mayImport: [
      "threads",
      "random",
      "graph",
      "nn",
      "model",
      "checkpoint",
      "processing",
      "runtime",
      "conversion",
      "distributed",
    ],
    pure: false,
  },
  evaluation: {
    mayImport: [
      "files",
      "random",
      "graph",
      "model",
      "checkpoint",
      "processing",
      "inference",
      "distributed",
      "data",
      "learner",
    ],
    pure: false,
  },
  training: {
    mayImport: [
      "files",
      "random",
      "graph",
      "model",
      "checkpoint",
      "processing",
      "runtime",
      "conversion",
      "inference",
      "distributed",
      "data",
      "learner",
      "evaluation",
    ],
    pure: false,
  },
  cli: {
    mayImport: [
      "files",
      "graph",
      "checkpoint",
      "processing",
      "runtime",
      "conversion",
      "inference",
      "distributed",
      "data",
      "learner",
      "evaluation",
      "training",
    ],
    pure: false,
  },
  index: { mayImport: ["graph", "model", "checkpoint", "processing", "runtime", "inference"], pure: false },
};

/** Packages that a pure file may import all the same. */
const exceptions: Readonly<Record<string, string>> = { "graph/onnx/proto.ts": "@bufbuild/protobuf/wire" };

const root = fileURLToPath(new URL(".", import.meta.url));
const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts") && !/\.(test|suite|test-support)\.ts$/.test(file));

const layerOf = (file: string) => file.split("/")[0]!.replace(/\.ts$/, "");

/** The specifiers that a file imports, statically, as types or dynamically. */
function importsOf(text: string): string[] {
  const withoutComments = text.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
  const specifiers = /\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;
  return [...withoutComments.matchAll(specifiers)].map(([, a, b, c]) => (a ?? b ?? c)!);
}

/** Why a file may not import this; undefined if it may. */
function reasonToRefuse(file: string, specifier: string): string | undefined {
  const from = layerOf(file);
  const layer = layers[from];
  if (layer === undefined) return `${from} is no known layer: give it a place in the table`;
  if (!specifier.startsWith(".")) {
    const allowed = !layer.pure || exceptions[file] === specifier;
    return allowed ? undefined : `${from} is pure and imports ${isBuiltin(specifier) ? "Node" : "a package"}`;
  }
  const target = posix.join(posix.dirname(file), specifier).replace(/\.js$/, ".ts");
  const to = layerOf(target);
  if (to === from || target === "errors.ts" || target === "arguments.ts") return undefined;
  if (!layer.mayImport.includes(to)) return `${from} stands below or beside ${to}`;
  const isFace = [`${to}/index.ts`, `${to}/internal.ts`].includes(target);
  return isFace ? undefined : `only ${to}/index.ts is its public face`;
}

test("imports point one way, at public faces", () => {
  const wrong = sources.flatMap((file) =>
    importsOf(readFileSync(root + file, "utf8")).flatMap((specifier) => {
      const reason = reasonToRefuse(file, specifier);
      return reason === undefined ? [] : [`${file} imports ${specifier}: ${reason}`];
    }),
  );
  expect(wrong).toEqual([]);
});

test("file names are unique, except index.ts and internal.ts", () => {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => /\.[tj]s$/.test(file));
  const names = files
    .map((file) => posix.basename(file.replaceAll("\\", "/")))
    .filter((name) => name !== "index.ts" && name !== "internal.ts");
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

test("no file is left out, and every layer of the table is there", () => {
  expect(sources.length).toBeGreaterThan(50);
  const found = new Set(sources.map(layerOf));
  expect(Object.keys(layers).filter((layer) => !found.has(layer))).toEqual([]);
});

test("CONTRIBUTING's map lists the folders of the table in its order", () => {
  const contributing = readFileSync(`${root}../CONTRIBUTING.md`, "utf8");
  const map = [...contributing.matchAll(/^src\/(\w+) {2,}\S/gm)].map(([, folder]) => folder);
  const files = new Set(["errors", "arguments", "index"]);
  expect(map).toEqual(Object.keys(layers).filter((layer) => !files.has(layer)));
});

test.each([
  ["nn/layers.ts", "../model/index.js", "nn stands below or beside model"],
  ["checkpoint/zip.ts", "../processing/index.js", "checkpoint stands below or beside processing"],
  ["evaluation/evaluate-model.ts", "../data/internal.js", undefined],
  ["data/index.ts", "../evaluation/internal.js", "data stands below or beside evaluation"],
  ["runtime/index.ts", "../graph/tensor.js", "only graph/index.ts is its public face"],
  ["model/config.ts", "node:fs", "model is pure and imports Node"],
  ["graph/tensor.ts", "@bufbuild/protobuf/wire", "graph is pure and imports a package"],
  ["graph/onnx/proto.ts", "@bufbuild/protobuf/wire", undefined],
  ["inference/weights.ts", "../errors.js", undefined],
  ["graph/ops/matmul.ts", "../../nn/index.js", "graph stands below or beside nn"],
  ["helpers/any.ts", "../graph/index.js", "helpers is no known layer: give it a place in the table"],
])("%s importing %s: %s", (file, specifier, expected) => {
  expect(reasonToRefuse(file, specifier)).toBe(expected);
});

test("imports of every form are read, and comments are not", () => {
  const text = `import a from "a";
export * from "./b.js";
import {
  c,
} from "./c.js";
import "./d.js";
const e = await import("e");
// import f from "f";
/** import("g") */`;
  expect(importsOf(text)).toEqual(["a", "./b.js", "./c.js", "./d.js", "e"]);
});
