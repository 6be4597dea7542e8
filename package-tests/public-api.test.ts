/**
 * Tests of the public API: every function and class has an `@example`, every example type-checks against the sources and runs on the built
 * package, and every type that a signature mentions can be imported.
 *
 * In an example, `console.log(x); // text` asserts that `text` is printed. Names of the package need no import line.
 */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { transform } from "esbuild";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const folder = join(root, ".examples");
const run = promisify(execFile);

/** `bridgetower/data` -> its index.ts. */
const entries = new Map(
  ["", "graph", "learner", "training", "data", "evaluation"].map((name) => [
    name === "" ? "bridgetower" : `bridgetower/${name}`,
    join(root, "src", name, "index.ts"),
  ]),
);

interface Example {
  /** The export that it documents, such as `bridgetower: BridgeTower.match`. */
  readonly name: string;
  readonly code: string;
}

const config = ts.getParsedCommandLineOfConfigFile(
  join(root, "tsconfig.json"),
  {},
  {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"));
    },
  },
)!;
const program = ts.createProgram([...entries.values()], config.options);
const checker = program.getTypeChecker();

/** The symbol of an export. */
const resolved = (symbol: ts.Symbol) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

const isInternal = (node: ts.Node) => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === "internal");

const publicExports = [...entries].flatMap(([specifier, file]) => {
  const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
  return checker
    .getExportsOfModule(module)
    .map((symbol) => ({ specifier, name: symbol.name, symbol: resolved(symbol) }));
});
const publicSymbols = new Set(publicExports.map(({ symbol }) => symbol));

function examplesOf(name: string, symbol: ts.Symbol): Example[] {
  return symbol
    .getJsDocTags(checker)
    .filter((tag) => tag.name === "example")
    .map(({ text }) => ({ name, code: ts.displayPartsToString(text).replace(/^```\w*\n|\n?```$/g, "") }));
}

/** Functions, classes and their public methods. */
const documented = publicExports.flatMap(({ specifier, name, symbol }) => {
  const label = `${specifier}: ${name}`;
  if (symbol.flags & ts.SymbolFlags.Function) return [{ label, symbol, examples: examplesOf(label, symbol) }];
  if (!(symbol.flags & ts.SymbolFlags.Class)) return [];
  const methods = [...(symbol.members?.values() ?? []), ...(symbol.exports?.values() ?? [])].filter(
    (member) => member.flags & ts.SymbolFlags.Method,
  );
  const examples = [symbol, ...methods].flatMap((one) => examplesOf(`${label} ${one.name}`, one));
  return [{ label, symbol, examples }];
});
const examples = [...new Map(documented.flatMap((one) => one.examples).map((one) => [one.code, one])).values()];

/** The example with imports for all names of the package that it uses without importing them. */
function withImports(code: string): string {
  const bySpecifier = new Map<string, string[]>();
  const done = new Set<string>();
  for (const { specifier, name, symbol } of publicExports) {
    const imports = new RegExp(`\\bimport\\b[^;]*\\b${name}\\b[^;]*from`);
    if (done.has(name) || imports.test(code) || !new RegExp(`(?<![.\\w"'/-])${name}(?![\\w"'])(?!\\s*:)`).test(code))
      continue;
    done.add(name);
    const imported = symbol.flags & ts.SymbolFlags.Value ? name : `type ${name}`;
    bySpecifier.set(specifier, [...(bySpecifier.get(specifier) ?? []), imported]);
  }
  const lines = [...bySpecifier].map(([specifier, names]) => `import { ${names.join(", ")} } from "${specifier}";`);
  return [...lines, code, "export {};"].join("\n");
}

/** The lines that an example is expected to print. */
const printed = (code: string) => [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text!);

beforeAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("no entry point exports what is tagged @internal", () => {
  const internal = publicExports.filter(({ symbol }) => symbol.declarations?.some(isInternal));
  expect(internal.map(({ specifier, name }) => `${specifier}: ${name}`)).toEqual([]);
});

test("every public function and class has an example", () => {
  expect(documented.filter((one) => one.examples.length === 0).map(({ label }) => label)).toEqual([]);
});

test("examples type-check", async () => {
  const files = await Promise.all(
    examples.map(async ({ code }, i) => {
      const file = join(folder, `example-${i}.ts`);
      await writeFile(file, withImports(code));
      return file;
    }),
  );
  const options = { ...config.options, noUnusedLocals: false, noUnusedParameters: false };
  const checked = ts.createProgram(files, options, undefined, program);
  const problems = files.flatMap((file, i) =>
    ts
      .getPreEmitDiagnostics(checked, checked.getSourceFile(file))
      .map(({ messageText }) => `${examples[i]!.name}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`),
  );
  expect(problems).toEqual([]);
});

test("examples run and print what they say", async () => {
  const calls = await Promise.all(
    examples.map(async ({ name, code }, i) => {
      const { code: javascript } = await transform(withImports(code), {
        loader: "ts",
        format: "esm",
        target: "node20",
      });
      await writeFile(join(folder, `example-${i}.mjs`), javascript);
      return `await run(${JSON.stringify(name)}, () => import("./example-${i}.mjs"));`;
    }),
  );
  // One process for all: the lines that each prints come back as JSON.
  const runner = `import { format } from "node:util";
const all = [];
const log = console.log;
async function run(name, example) {
  const lines = [];
  console.log = (...values) => lines.push(format(...values));
  try {
    await example();
    all.push({ name, lines });
  } catch (error) {
    all.push({ name, lines: [String(error?.stack ?? error)] });
  }
}
${calls.join("\n")}
log(JSON.stringify(all));
process.exit();`;
  await writeFile(join(folder, "run.mjs"), runner);
  const { stdout } = await run(process.execPath, [join(folder, "run.mjs")], { cwd: root, maxBuffer: 2 ** 26 });
  expect(JSON.parse(stdout)).toEqual(examples.map(({ name, code }) => ({ name, lines: printed(code) })));
}, 120_000);

test("the emoji workspace imports no file of src and no internal name", async () => {
  const publicNames = new Set(publicExports.map(({ specifier, name }) => `${specifier}: ${name}`));
  const workspace = join(root, "emoji");
  const all = await readdir(workspace, { recursive: true, encoding: "utf8" });
  const files = all.filter((file) => /^(src|scripts)\b.*\.ts$/.test(file)).map((file) => join(workspace, file));
  expect(files.length).toBeGreaterThan(50);
  const problems = await Promise.all(
    files.map(async (file) => {
      const source = ts.createSourceFile(file, await readFile(file, "utf8"), ts.ScriptTarget.Latest);
      return source.statements.filter(ts.isImportDeclaration).flatMap(({ moduleSpecifier, importClause }) => {
        const specifier = (moduleSpecifier as ts.StringLiteral).text;
        const { namedBindings } = importClause ?? {};
        const names = namedBindings && ts.isNamedImports(namedBindings) ? namedBindings.elements : [];
        if (specifier.startsWith(".") && !join(dirname(file), specifier).startsWith(workspace)) return [specifier];
        if (!specifier.startsWith("bridgetower")) return [];
        return names
          .map(({ name, propertyName }) => `${specifier}: ${(propertyName ?? name).text}`)
          .filter((name) => !publicNames.has(name));
      });
    }),
  );
  expect(problems.flat()).toEqual([]);
});

test("every type that a public signature mentions can be imported", () => {
  const missing = new Set<string>();
  const visit = (node: ts.Node, where: string): void => {
    if (ts.isBlock(node) || (ts.canHaveModifiers(node) && isHidden(node)) || isInternal(node)) return;
    if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
      const name = ts.isTypeReferenceNode(node) ? node.typeName : node.expression;
      const symbol = checker.getSymbolAtLocation(name);
      const target = symbol && resolved(symbol);
      const file = target?.declarations?.[0]?.getSourceFile().fileName ?? "";
      const own = file.startsWith(join(root, "src")) && !(target!.flags & ts.SymbolFlags.TypeParameter);
      if (own && !publicSymbols.has(target!)) missing.add(`${where} mentions ${target!.name}`);
    }
    ts.forEachChild(node, (child) => visit(child, where));
  };
  for (const { specifier, name, symbol } of publicExports) {
    for (const declaration of symbol.declarations ?? []) {
      // The type of a constant is inferred: only types in its declaration count.
      visit(declaration, `${specifier}: ${name}`);
    }
  }
  expect([...missing].sort()).toEqual([]);
});

function isHidden(node: ts.HasModifiers): boolean {
  const hidden = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword];
  return ts.getModifiers(node)?.some(({ kind }) => hidden.includes(kind)) ?? false;
}

test("the subpaths of package.json are the ones tested here", async () => {
  const { exports } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    exports: Readonly<Record<string, string | { readonly types: string }>>;
  };
  const modules = Object.entries(exports).filter(([, target]) => typeof target === "object");
  expect(modules.map(([subpath]) => `bridgetower${subpath.slice(1)}`).sort()).toEqual([...entries.keys()].sort());
  expect(dirname(entries.get("bridgetower")!)).toBe(join(root, "src"));
});
