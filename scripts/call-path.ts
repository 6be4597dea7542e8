/**
 * Counts the functions of `src` between `main` and ONNX Runtime's `session.run` for `bridgetower match`, from a real run:
 *
 *   npm run build && npx tsx scripts/call-path.ts
 *
 * Runs a copy of the built package in which every function reports its calls; `call-path/tracer.js` defines which calls count.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";

const root = fileURLToPath(new URL("..", import.meta.url));
const image = join(root, "src/processing/fixtures/coffee.jpg");
const text = "a fox left of a moose";

/** The inputs of the model whose way is counted. */
export type ModelInput = "pixel_values" | "input_ids";

export interface CallPath {
  /** In the order of their first call: `src/cli/main.ts run`. */
  readonly functions: readonly string[];
  /** The files of the functions. */
  readonly files: readonly string[];
}

/** The functions on the way of one image or one text, from `main` to `session.run`. */
export async function callPath(input: ModelInput): Promise<CallPath> {
  // Below node_modules: the packages are found there, and no tool formats, checks or publishes it.
  mkdirSync(join(root, "node_modules/.cache"), { recursive: true });
  const folder = mkdtempSync(join(root, "node_modules/.cache/call-path-"));
  try {
    instrumentPackage(folder);
    const report = join(folder, "report.jsonl");
    const env = {
      ...process.env,
      CALL_PATH_REPORT: report,
      CALL_PATH_INPUT: input,
      CALL_PATH_DATA: input === "pixel_values" ? image : text,
    };
    const args = [join(folder, "dist/cli/main.js"), "match", "--image", image, "--text", text];
    await promisify(execFile)(process.execPath, args, { env });
    const reports = readFileSync(report, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly isMainThread: boolean; readonly functions: readonly string[] });
    const [main, worker] = [true, false].map((isMain) => reports.find(({ isMainThread }) => isMainThread === isMain));
    if (main === undefined || worker === undefined) throw new Error(`the ${input} did not reach the session worker`);
    const functions = [...main.functions, ...worker.functions];
    return { functions, files: [...new Set(functions.map((name) => name.split(" ")[0]!))] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function instrumentPackage(folder: string): void {
  const dist = join(root, "dist");
  const tracer = pathToFileURL(join(root, "scripts/call-path/tracer.js")).href;
  for (const name of ["package.json", "models"]) symlinkSync(join(root, name), join(folder, name));
  for (const file of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    if (!/\.js(on)?$/.test(file)) continue;
    const code = readFileSync(join(dist, file), "utf8");
    const target = join(folder, "dist", file);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, file.endsWith(".js") ? instrumented(code, sourceOf(file), tracer) : code);
  }
}

/** `src/cli/main.ts` for `cli/main.js`; worker files are JavaScript in the sources too. */
function sourceOf(file: string): string {
  const source = join(root, "src", file);
  const exists = readdirSync(dirname(source)).includes(source.slice(dirname(source).length + 1));
  return relative(root, exists ? source : source.replace(/\.js$/, ".ts")).replaceAll("\\", "/");
}

type Fn =
  | ts.FunctionDeclaration
  | ts.FunctionExpression
  | ts.ArrowFunction
  | ts.MethodDeclaration
  | ts.ConstructorDeclaration
  | ts.AccessorDeclaration;

/** The code with each function's body inside of a call of the tracer. */
export function instrumented(code: string, source: string, tracer: string): string {
  const file = ts.createSourceFile(source, code, ts.ScriptTarget.ES2022, true);
  /** Insertions by position; at one position in the order of insertion. */
  const insertions: { readonly at: number; readonly text: string }[] = [];
  const insert = (at: number, text: string) => insertions.push({ at, text });
  const visit = (node: ts.Node, enclosing: string): void => {
    const name = isFunction(node) ? (nameOf(node) ?? enclosing) : enclosing;
    const body = isFunction(node) ? node.body : undefined;
    if (isFunction(node) && body !== undefined) {
      const id = JSON.stringify(`${source} ${name}`);
      const isCallback = nameOf(node) === undefined;
      const args = `[${node.parameters.flatMap(({ name }) => bindings(name)).join(", ")}], ${isCallback}`;
      const isAsync = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) === true;
      const isGenerator = "asteriskToken" in node && node.asteriskToken !== undefined;
      if (isGenerator) {
        const kind = isAsync ? "generateAsync" : "generate";
        const inner = `${isAsync ? "async " : ""}function* ()`;
        insert(body.getStart() + 1, `return yield* $path.${kind}(${id}, ${args}, (${inner} {`);
        visitChildren(node, name);
        insert(body.getEnd() - 1, "}).call(this)); ");
      } else if (ts.isBlock(body)) {
        const result = ts.isConstructorDeclaration(node) ? "" : "return ";
        insert(body.getStart() + 1, `${result}$path.call(${id}, ${args}, ${isAsync ? "async " : ""}() => {`);
        visitChildren(node, name);
        insert(body.getEnd() - 1, `${ts.isConstructorDeclaration(node) ? "return this; " : ""}}); `);
      } else {
        insert(body.getStart(), `$path.call(${id}, ${args}, ${isAsync ? "async " : ""}() => (`);
        visitChildren(node, name);
        insert(body.getEnd(), "))");
      }
    } else {
      visitChildren(node, name);
    }
  };
  const visitChildren = (node: ts.Node, enclosing: string) => ts.forEachChild(node, (child) => visit(child, enclosing));
  visit(file, "(module)");
  let result = code;
  // From the end, so that positions stay valid.
  const ordered = insertions.map((insertion, i) => ({ ...insertion, i })).sort((a, b) => b.at - a.at || b.i - a.i);
  for (const { at, text } of ordered) result = result.slice(0, at) + text + result.slice(at);
  return `import * as $path from ${JSON.stringify(tracer)};${result.replace(/^#!.*/, "")}`;
}

const isFunction = (node: ts.Node): node is Fn =>
  ts.isFunctionDeclaration(node) ||
  ts.isFunctionExpression(node) ||
  ts.isArrowFunction(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isConstructorDeclaration(node) ||
  ts.isAccessor(node);

/** `decodeImage`, `LoadedModel.run`, `match.run`; undefined for a callback, which counts as the function around it. */
function nameOf(node: Fn): string | undefined {
  const owner = node.parent;
  if (ts.isConstructorDeclaration(node)) return `${classOrObject(node)}constructor`;
  if (ts.isMethodDeclaration(node) || ts.isAccessor(node)) return `${classOrObject(node)}${node.name.getText()}`;
  if (node.name !== undefined) return node.name.text;
  if (ts.isVariableDeclaration(owner) && ts.isIdentifier(owner.name)) return owner.name.text;
  if (ts.isPropertyAssignment(owner) || ts.isPropertyDeclaration(owner)) return owner.name.getText();
  return undefined;
}

function classOrObject(node: ts.Node): string {
  const owner = node.parent;
  if (ts.isClassLike(owner)) return `${owner.name?.text ?? "class"}.`;
  for (let at: ts.Node = owner; !ts.isSourceFile(at); at = at.parent) {
    if (ts.isVariableDeclaration(at)) return `${at.name.getText()}.`;
  }
  return "";
}

/** The variables that a parameter declares. */
function bindings(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) => (ts.isOmittedExpression(element) ? [] : bindings(element.name)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [label, input] of [
    ["an image", "pixel_values"],
    ["a text", "input_ids"],
  ] as const) {
    const { functions, files } = await callPath(input);
    console.log(`${label}: ${functions.length} functions in ${files.length} files`);
    for (const [i, name] of functions.entries()) console.log(`  ${String(i + 1).padStart(2)}  ${name}`);
  }
}
