/**
 * Measures of the source code's structure: `tsx scripts/structure.ts` prints them as a table. `structure.test.ts` keeps those that
 * have a limit from growing.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { headEntry, heads, type Head } from "../src/model/index.js";
import { schema } from "../src/training/schema.js";

const source = fileURLToPath(new URL("../src/", import.meta.url));

interface SourceFile {
  /** Relative to `src`, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const isTest = (path: string) => /\.(test|suite|test-support)\.ts$|\/fixtures\//.test(path);

export const sourceFiles = (): SourceFile[] =>
  readdirSync(source, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((path) => /\.(ts|js)$/.test(path) && !isTest(path))
    .map((path) => ({ path, text: readFileSync(source + path, "utf8") }));

const lines = ({ text }: SourceFile): number => text.split("\n").length - 1;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const withoutComments = (text: string): string => text.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, "");

/** The folders and files for which a head's name is data: data sets, settings of training, and the command line. */
const mayNameHeads = /^(data|cli)\/|^training\/(presets|run-settings|learner-settings|schema|unused-settings)\.ts$/;

/** Settings of a run whose names begin like a head's, such as `mlm_prob`. */
const settings = new RegExp(`\\b(${Object.keys(schema.shape).join("|")})\\b`, "g");

/** Names of heads with other meanings, and the patterns that mean the head. */
const ambiguous: Partial<Record<Head, { readonly means: RegExp; readonly notIn: RegExp }>> = {
  // Else the rank of a process, of a merge or of a tensor.
  rank: { means: /"rank"/, notIn: /^distributed\// },
};

/** Outputs whose names mean something else too: that of any classifier, and an input of the model. */
const commonNames = ["logits", "image_embeds"];

/** Files that name a head, its parameters, its outputs or its builder, outside of those for which names are data. */
export function filesThatKnow(head: Head): string[] {
  const { modules, outputs } = headEntry(head);
  const names = [...Object.keys(modules), ...Object.keys(outputs), `${head}_\\w+`, `${head}Head`];
  const known = new RegExp(`\\b(${names.filter((name) => !commonNames.includes(name)).join("|")})\\b`);
  const { means, notIn } = ambiguous[head] ?? { means: new RegExp(`\\b${head}\\b`), notIn: undefined };
  return sourceFiles().flatMap(({ path, text }) => {
    if (mayNameHeads.test(path)) return [];
    const code = withoutComments(text).replace(settings, "");
    return known.test(code) || (means.test(code) && notIn?.test(path) !== true) ? [path] : [];
  });
}

const forwardPass = ["bridgetower", "bert-layer", "text-tower", "vision-tower", "cross-modal", "heads"];

export function structure() {
  const files = sourceFiles();
  const sum = (some: readonly SourceFile[]) => some.reduce((total, file) => total + lines(file), 0);
  const model = files.filter(({ path }) => path.startsWith("model/"));
  return {
    files: files.length,
    lines: sum(files),
    medianLength: median(files.map(lines)),
    /** Towers, bridges, cross-modal encoder and heads. */
    forwardPassLines: sum(model.filter(({ path }) => forwardPass.some((name) => path === `model/${name}.ts`))),
    /** `src/model` without its config and its objectives. */
    modelLines: sum(model.filter(({ path }) => !/^model\/((parse-)?config\.ts|objectives\/)/.test(path))),
    filesThatKnow: Object.fromEntries(heads.map((head) => [head, filesThatKnow(head).length])) as Record<Head, number>,
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { filesThatKnow: known, ...numbers } = structure();
  console.table({ ...numbers, ...Object.fromEntries(heads.map((head) => [`files that know ${head}`, known[head]])) });
}
