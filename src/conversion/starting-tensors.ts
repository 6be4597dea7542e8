/** The tensors of a file to start from, under the names of our parameters. */
import { InputError } from "../errors.js";
import type { StoredTensor } from "../graph/index.js";
import { cleanNames } from "./checkpoint-names.js";
import { layouts, type Layout, type LayoutName, type Rule } from "./layouts.js";

/** A parameter's stored values: in pieces along the first axis, several only for stacked projections. */
export interface StartingTensor {
  readonly shape: readonly number[];
  readonly parts: readonly StoredTensor[];
  /** Names of the pieces in the file. */
  readonly names: readonly string[];
}

/** A line of the layout's table, and how many tensors of the file it was for. */
export interface RuleUse extends Rule {
  readonly tensors: number;
}

/** A starting point: our parameter name -> shape and values. */
export interface StartingTensors {
  /** The file, for messages. */
  readonly source: string;
  /** The model folder of the file, unless a file alone was named. */
  readonly folder?: string;
  readonly layout: LayoutName;
  readonly tensors: ReadonlyMap<string, StartingTensor>;
  /** The lines that matched, in the table's order. Tensors of lines without `to` are dropped. */
  readonly rules: readonly RuleUse[];
  /** Names in the file that no line is for. */
  readonly surplus: readonly string[];
  /** What was removed from the names, in a few words each. */
  readonly notes: readonly string[];
}

/**
 * Detects the layout of a file's names, and renames them.
 * @param tensors the tensors by their names in the file
 * @throws InputError when the names belong to no layout, or a stacked projection is incomplete
 */
export function startingTensors(source: string, tensors: ReadonlyMap<string, StoredTensor>): StartingTensors {
  const { clean, notes } = cleanNames(source, [...tensors.keys()]);
  const layout = layoutOf(source, [...tensors.keys()].map(clean));
  const rules = layout.rules.map((rule) => ({ rule, match: matcher(rule), tensors: 0 }));
  const pieces = new Map<string, Piece[]>();
  const surplus: string[] = [];
  for (const [name, tensor] of tensors) {
    const bare = layout.prefix === undefined ? clean(name) : clean(name).replace(layout.prefix, "");
    const found = rules.find(({ match }) => match.pattern.test(bare));
    if (found === undefined) {
      surplus.push(name);
      continue;
    }
    found.tensors++;
    const ours = found.match.rename(bare);
    if (ours === undefined) continue;
    pieces.set(ours, [...(pieces.get(ours) ?? []), { name, tensor, part: found.rule.part }]);
  }
  return {
    source,
    layout: layout.name,
    tensors: new Map([...pieces].map(([name, list]) => [name, stacked(source, name, list)])),
    rules: rules.filter((use) => use.tensors > 0).map((use) => ({ ...use.rule, tensors: use.tensors })),
    surplus,
    notes,
  };
}

function layoutOf(source: string, names: readonly string[]): Layout {
  const layout = layouts.find(({ marker }) => names.some((name) => marker.test(name)));
  if (layout !== undefined) return layout;
  const shown = names.slice(0, 3).map((name) => name.slice(0, 80));
  throw new InputError({
    code: "invalid-checkpoint",
    where: source,
    expected: `tensors of ${layouts.map(({ title }) => title).join(", or of ")}`,
    found: names.length === 0 ? "no tensors" : `other names, such as ${shown.join(", ")}`,
    hint: "Pass a file or folder with one of these",
  });
}

interface Matcher {
  readonly pattern: RegExp;
  readonly rename: (name: string) => string | undefined;
}

const wildcard = /\{i\}|\*/g;

function matcher({ from, to }: Rule): Matcher {
  const escaped = from.replace(/[.]/g, "\\.");
  const pattern = new RegExp(`^${escaped.replace(wildcard, (one) => (one === "*" ? "(.+)" : "(\\d+)"))}$`);
  if (to === undefined) return { pattern, rename: () => undefined };
  const replaced = (name: string) => {
    const captured = pattern.exec(name)!.slice(1);
    return to.replace(wildcard, () => captured.shift()!);
  };
  return { pattern, rename: replaced };
}

interface Piece {
  readonly name: string;
  readonly tensor: StoredTensor;
  readonly part: number | undefined;
}

/** Query, key and value stacked; a single tensor unchanged. */
function stacked(source: string, name: string, pieces: readonly Piece[]): StartingTensor {
  const ordered = [...pieces].sort((a, b) => (a.part ?? 0) - (b.part ?? 0));
  const [first] = ordered;
  const wanted = first!.part === undefined ? 1 : 3;
  const shapes = ordered.map(({ tensor }) => tensor.shape);
  const rest = shapes.map((shape) => shape.slice(1).join());
  const complete = ordered.length === wanted && ordered.every(({ part }, i) => wanted === 1 || part === i);
  if (!complete || rest.some((one) => one !== rest[0]) || (wanted === 3 && shapes.some(({ length }) => length === 0))) {
    const expected = wanted === 1 ? "one tensor" : "query, key and value of one width";
    const found = ordered.map(({ name, tensor }) => `${name.slice(0, 200)} [${tensor.shape.join(", ")}]`).join(", ");
    throw new InputError({
      code: "parameter-mismatch",
      where: `${source}: ${name.slice(0, 200)}`,
      expected,
      found,
      hint: "Download the file again",
    });
  }
  const [rows = 0, ...others] = shapes[0]!;
  const total = wanted === 1 ? rows : shapes.reduce((sum, [size = 0]) => sum + size, 0);
  return {
    shape: shapes[0]!.length === 0 ? [] : [total, ...others],
    parts: ordered.map(({ tensor }) => tensor),
    names: ordered.map(({ name }) => name),
  };
}
