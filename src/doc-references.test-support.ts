/** Finds what documentation names (files, npm scripts, commands and flags) and reports what does not exist. */
import { posix } from "node:path";

/** What exists. */
export interface KnownNames {
  /** Paths of all files from the root of the repository. */
  readonly files: ReadonlySet<string>;
  readonly scripts: ReadonlySet<string>;
  /** Flags of each command of `bridgetower`. */
  readonly commands: ReadonlyMap<string, ReadonlySet<string>>;
  /** Flags of other programs that documentation names: scripts, npm, vitest. */
  readonly otherFlags: ReadonlySet<string>;
  /** Files of other projects. */
  readonly otherFiles: ReadonlySet<string>;
}

export interface Document {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly text: string;
}

const roots = "src|docs|examples|scripts|benchmarks|fixtures|recipes|models|bin|emoji|\\.ci";
const pathFromRoot = new RegExp(String.raw`(?<![\w./@~-])(?:\./)?((?:${roots})/[\w.*{},/-]*[\w*}/])`, "g");
const sourceFile = /^[\w.*{},/-]+\.(ts|py|mjs|md)$/;
const command = /(?<![\w./-])bridgetower ((?!-)[a-z-]+)((?:\\\n|[^\n`|>;])*)/g;

/** References of a Markdown file: links, code, tables of files. */
export function problemsOfMarkdown({ file, text }: Document, known: KnownNames): string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
  const blocks = [...text.matchAll(/```\w*\n([^]*?)```/g)].map(([, code]) => code!);
  const prose = text.replace(/```\w*\n[^]*?```/g, "");
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
  const tableSpans = [...prose.matchAll(/^\| *`([^`|]+)`[^|]*\|/gm)].map(([, code]) => code!);
  const names = new Names(file, known);
  return report(file, [
    ...links.filter((link) => !/^(\w+:|#)/.test(link)).flatMap((link) => names.link(link)),
    ...tableSpans.flatMap((cell) => names.tableEntry(cell)),
    ...spans.flatMap((span) => [...names.sourceFile(span), ...names.flag(span)]),
    ...[...blocks, ...spans].flatMap((code) => names.commands(code)),
    ...names.anywhere(text),
  ]);
}

/** References of the comments, and paths, scripts and commands anywhere in a program. */
export function problemsOfProgram({ file, text }: Document, known: KnownNames): string[] {
  const comments = [...text.matchAll(/\/\*[^]*?\*\/|(?<![:"'`\w])\/\/ .*|^\s*# .*$|"""[^]*?"""/gm)].map(
    ([comment]) => comment,
  );
  const spans = comments.flatMap((comment) => [...comment.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!));
  const names = new Names(file, known);
  return report(file, [
    ...spans.flatMap((span) => [...names.sourceFile(span), ...names.commands(span)]),
    ...comments.flatMap((comment) => names.specification(comment)),
    // Strings of tests name files that do not exist on purpose.
    ...names.anywhere(/\.(test|suite|test-support)\.ts$/.test(file) ? comments.join("\n") : text),
  ]);
}

/** References of a command's `--help`. */
export function problemsOfHelp({ file, text }: Document, known: KnownNames): string[] {
  const names = new Names(file, known);
  return report(file, [...names.commands(text), ...names.anywhere(text)]);
}

const report = (file: string, problems: readonly string[]): string[] =>
  [...new Set(problems)].map((problem) => `${file}: ${problem}`);

class Names {
  private readonly folder: string;

  constructor(
    file: string,
    private readonly known: KnownNames,
  ) {
    this.folder = posix.dirname(file);
  }

  /** Paths from the root, npm scripts and decisions, wherever they stand. */
  anywhere(text: string): string[] {
    const paths = [...text.matchAll(pathFromRoot)]
      // A name that ends in `${…}` or in a placeholder is not complete.
      .filter((match) => !/^[-./]*(\$\{|[<…]|[A-Z]{2})/.test(text.slice(match.index + match[0].length)))
      .map(([, path]) => path!)
      .filter((path) => ![path, posix.join(this.folder, path)].some((one) => this.exists(one)));
    const scripts = [...text.matchAll(/\bnpm run ([a-z][\w:-]*)/g)].map(([, name]) => name!);
    const decisions = [...text.matchAll(/(?:\bdecisions? |\()(\d{4})\b(?=[\s),.:;])/gi)].map(([, number]) => number!);
    return [
      ...paths.map((path) => `no file ${path}`),
      ...scripts.filter((name) => !this.known.scripts.has(name)).map((name) => `no script npm run ${name}`),
      ...decisions
        .filter((number) => number.startsWith("00") && !this.isDecision(number))
        .map((n) => `no decision ${n}`),
    ];
  }

  link(target: string): string[] {
    const path = posix.normalize(posix.join(this.folder, target.replace(/#.*$/, "")));
    return this.exists(path) ? [] : [`broken link ${target}`];
  }

  /** A name in the first column of a table: a file or folder beside the document, if it looks like one. */
  tableEntry(cell: string): string[] {
    if (!/^[\w.*{},/-]+(\/|\.(ts|js|py|json|md))$/.test(cell)) return [];
    return this.isNamed(cell) ? [] : [`no file ${cell}`];
  }

  sourceFile(span: string): string[] {
    return !sourceFile.test(span) || this.isNamed(span) ? [] : [`no file ${span}`];
  }

  /** A flag that stands alone. */
  flag(span: string): string[] {
    const [, flag] = /^(--[a-z][\w-]*)(?:[ =].*)?$/.exec(span) ?? [];
    if (flag === undefined || this.known.otherFlags.has(flag)) return [];
    return [...this.known.commands.values()].some((flags) => flags.has(flag)) ? [] : [`no flag ${flag}`];
  }

  /** Commands of `bridgetower` with their flags. */
  commands(code: string): string[] {
    return [...code.matchAll(command)].flatMap(([, name, rest]) => {
      const flags = this.known.commands.get(name!);
      if (flags === undefined) return [`no command bridgetower ${name}`];
      return [...rest!.matchAll(/(?<=\s|\[)--[a-z][\w-]*/g)]
        .filter(([flag]) => !flags.has(flag))
        .map(([flag]) => `no flag bridgetower ${name} ${flag}`);
    });
  }

  /** A document outside of the repository that only its authors have. */
  specification(comment: string): string[] {
    return /\bspec:/.test(comment) ? ["a reference to a specification that is not in the repository"] : [];
  }

  /** Whether a name exists from the document's folder, the root, `src`, or, without a folder, anywhere. */
  private isNamed(name: string): boolean {
    const bases = [this.folder, ".", "src"].map((base) => posix.normalize(posix.join(base, name)));
    return bases.some((path) => this.exists(path)) || (!name.includes("/") && this.exists(`**/${name}`));
  }

  private exists(path: string): boolean {
    if (this.known.files.has(path) || this.known.otherFiles.has(path) || path === ".") return true;
    const [, decision] = /^docs\/decisions\/(\d{4})$/.exec(path) ?? [];
    if (decision !== undefined) return this.isDecision(decision);
    const folder = `${path.replace(/\/$/, "")}/`;
    if (!/[*{]/.test(path)) {
      return path.startsWith("**/")
        ? [...this.known.files].some((file) => file.endsWith(path.slice(2)))
        : [...this.known.files].some((file) => file.startsWith(folder));
    }
    const pattern = globPattern(path);
    return [...this.known.files].some((file) => pattern.test(file));
  }

  private isDecision(number: string): boolean {
    return [...this.known.files].some((file) => file.startsWith(`docs/decisions/${number}-`));
  }
}

/** `*` within a folder, `**` over folders, `{a,b}`. */
function globPattern(path: string): RegExp {
  const source = path
    .replace(/[.+?^$()|[\]\\]/g, "\\$&")
    .replace(/\*\*\/|\*/g, (star) => (star === "*" ? "[^/]*" : "(?:.*/)?"))
    .replace(/\{([^}]*)\}/g, (_, choices: string) => `(?:${choices.replaceAll(",", "|")})`);
  return new RegExp(`^${source}(?:/.*)?$`);
}
