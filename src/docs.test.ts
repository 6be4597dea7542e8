/** Every file, npm script, command and flag that documentation names exists. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
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

/** Each command as it is configured, with its help. */
const configured = await Promise.all(
  commands.map(async ({ name, load }) => {
    let help = "";
    const command = new Command(name).configureOutput({ writeOut: (text) => (help += text) });
    (await load())(command, new Terminal(process));
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
  otherFlags: new Set(
    programs.flatMap(({ text }) => [...text.matchAll(/"(--[a-z][\w-]*)"/g)].map(([, flag]) => flag!)),
  ),
};

test("Markdown names what exists", () => {
  expect(documents(/\.md$/).flatMap((document) => problemsOfMarkdown(document, known))).toEqual([]);
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
