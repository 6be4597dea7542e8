/** Every file, npm script, command and flag that documentation names exists. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Command } from "commander";
import { expect, test } from "vitest";
import { commands } from "./cli/command-list.js";
import { Terminal } from "./cli/terminal/terminal.js";
import {
  problemsOfHelp,
  problemsOfMarkdown,
  problemsOfProgram,
  type Document,
  type KnownNames,
} from "./doc-references.test-support.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const ignored = new Set(["node_modules", "dist", "coverage", "runs", ".git", ".venv", "__pycache__", ".sprites"]);

function filesIn(folder: string): string[] {
  return readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    if (ignored.has(entry.name)) return [];
    return entry.isDirectory() ? filesIn(`${folder}${entry.name}/`) : [folder + entry.name];
  });
}

const files = filesIn("");
const documents = (pattern: RegExp): Document[] =>
  files.filter((file) => pattern.test(file)).map((file) => ({ file, text: readFileSync(root + file, "utf8") }));

const terminal = new Terminal(process);

/** Each command as it is configured, with its help. */
const configured = await Promise.all(
  commands.map(async ({ name, load }) => {
    let help = "";
    const command = new Command(name).configureOutput({ writeOut: (text) => (help += text) });
    (await load())(command, terminal);
    command.outputHelp();
    return { name, flags: new Set([...command.options.map(({ long }) => long!), "--help"]), help };
  }),
);

const programs = documents(/\.(ts|py)$/).filter(({ file }) => !/doc-references|docs\.test/.test(file));
const scriptsOf = ({ text }: Document) => Object.keys((JSON.parse(text) as { scripts?: object }).scripts ?? {});

const known: KnownNames = {
  files: new Set(files),
  scripts: new Set(documents(/(^|\/)package\.json$/).flatMap(scriptsOf)),
  commands: new Map(configured.map(({ name, flags }) => [name, flags])),
  otherFiles: new Set(["ImageOps.py", "ImageEnhance.py", "transform/randaugment.py", "src/libImaging/Resample.c"]),
  otherFlags: new Set([
    "--bind-to", // mpirun
    "--kill-on-bad-exit", // srun
    ...programs.flatMap(({ text }) => [...text.matchAll(/"(--[a-z][\w-]*)"/g)].map(([, flag]) => flag!)),
  ]),
};

test("Markdown names what exists", () => {
  expect(documents(/\.md$/).flatMap((document) => problemsOfMarkdown(document, known))).toEqual([]);
});

test("decisions have a heading with their number, and 40 lines or fewer", () => {
  const wrong = documents(/^docs\/decisions\//).filter(({ file, text }) => {
    const number = /(\d{4})-/.exec(file)?.[1];
    return !text.startsWith(`# ${number}: `) || text.trimEnd().split("\n").length > 40;
  });
  expect(wrong.map(({ file }) => file)).toEqual([]);
});

test("programs and their comments name what exists", () => {
  expect(programs.flatMap((document) => problemsOfProgram(document, known))).toEqual([]);
});

test("help texts name what exists", () => {
  const problems = configured.flatMap(({ name, help }) =>
    problemsOfHelp({ file: `${name} --help`, text: help }, known),
  );
  expect(problems).toEqual([]);
});

const injected = {
  files: new Set([
    "src/a/index.ts",
    "src/a/README.md",
    "docs/errors.md",
    "docs/decisions/0001-one-graph.md",
    "src/b.ts",
  ]),
  scripts: new Set(["check"]),
  commands: new Map([
    ["match", new Set(["--image"])],
    ["train", new Set(["--set"])],
  ]),
  otherFlags: new Set(["--pairs"]),
  otherFiles: new Set<string>(),
} satisfies KnownNames;

test.each<[string, string[]]>([
  ["[link](../../docs/errors.md#codes), [web](https://example.org), [none](index.js)", ["broken link index.js"]],
  ["`index.ts`, `b.ts`, `src/b.ts`, `src/{a,c}/*.ts`, `fixtures/data/none.json`", ["no file fixtures/data/none.json"]],
  ["`other.ts`, `none/index.ts`", ["no file other.ts", "no file none/index.ts"]],
  ["| file | what |\n| - | - |\n| `index.ts`, `sub/` | x |\n| `sub/` | y |", ["no file sub/"]],
  ["See docs/error.md and docs/errors.md.", ["no file docs/error.md"]],
  ["`npm run check`, `npm run cheque`", ["no script npm run cheque"]],
  ["decision 0001, decision 0002, (0003)", ["no decision 0002", "no decision 0003"]],
  ["`bridgetower match --image a.png --text b`", ["no flag bridgetower match --text"]],
  [
    "```sh\nnpx bridgetower mach --image a \\\n  --x\nbridgetower train a.json \\\n  --sat b | cat --n\n```",
    ["no command bridgetower mach", "no flag bridgetower train --sat"],
  ],
  ["`--image`, `--pairs FOLDER`, `--imge`", ["no flag --imge"]],
  ["bridgetower is a package, `bridgetower` a command", []],
])("problems are found in Markdown: %s", (text, problems) => {
  const file = "src/a/README.md";
  expect(problemsOfMarkdown({ file, text }, injected)).toEqual(problems.map((problem) => `${file}: ${problem}`));
});

test("problems are found in programs and help texts", () => {
  const text = [
    "/** As `b.ts`, `c.ts` and `bridgetower mtch` do: docs/none.md. */",
    "// spec: model.md 3.2",
    'const path = "src/none.ts"; // `docs/errors.md`',
    "const name = `docs/cost-${size}.svg`;",
  ].join("\n");
  expect(problemsOfProgram({ file: "src/a/index.ts", text }, injected)).toEqual([
    "src/a/index.ts: no file c.ts",
    "src/a/index.ts: no command bridgetower mtch",
    "src/a/index.ts: a reference to a specification that is not in the repository",
    "src/a/index.ts: no file docs/none.md",
    "src/a/index.ts: no file src/none.ts",
  ]);
  expect(problemsOfHelp({ file: "train", text: "$ bridgetower train examples/x.json --st a=b" }, injected)).toEqual([
    "train: no flag bridgetower train --st",
    "train: no file examples/x.json",
  ]);
});

test("every relative link of README.md leads to a file of the npm package", async () => {
  const { stdout } = await promisify(execFile)("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: root,
  });
  const [{ files: packed }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const links = [...readFileSync(`${root}README.md`, "utf8").matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map(
    ([, link]) => link!,
  );
  expect(links.length).toBeGreaterThan(0);
  expect(links.filter((link) => !packed.some(({ path }) => path === link))).toEqual([]);
});
