/** Mutations of JSON documents: of values, keys and nesting. They can write what JSON.stringify cannot, such as a repeated key. */
import type { Random } from "../src/random/index.js";
import { maxBytes, pick } from "./mutations.js";

/** A value as its text, its members or its elements. */
type Node = string | { readonly members: (readonly [key: string, value: Node])[] } | { readonly elements: Node[] };

function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return { elements: value.map(nodeOf) };
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return { members: Object.entries(value).map(([key, member]) => [key, nodeOf(member)] as const) };
}

function textOf(node: Node): string {
  if (typeof node === "string") return node;
  if ("elements" in node) return `[${node.elements.map(textOf).join(",")}]`;
  return `{${node.members.map(([key, value]) => `${JSON.stringify(key)}:${textOf(value)}`).join(",")}}`;
}

/** Texts of values of other types and sizes than a document has, valid JSON or nearly so. */
const values: readonly string[] = [
  ...["null", "true", "false", '""', '"a"', "[]", "{}", "[[]]", '{"":null}', "[null,null]", '"\\u0000"', '"\\ud800"'],
  ...[
    "0",
    "-0",
    "-1",
    "1",
    "2",
    "3",
    "0.5",
    "1e-320",
    "1e308",
    "1e999",
    "-1e999",
    "255",
    "65536",
    "16777216",
    "2147483647",
  ],
  ...["2147483648", "4294967295", "4294967296", "9007199254740991", "9007199254740993", "18446744073709551615", "1e21"],
  ...["NaN", "Infinity", "-Infinity", "undefined", "01", "'a'", "[1,]", '"\u0007"', "/**/1", '"\\x41"', "\ufeff1"],
];

const keys = [
  "",
  "__proto__",
  "constructor",
  "toString",
  "length",
  "\ud800",
  "a\nb",
  "<s>",
  "Ġ",
  "0",
  "-1",
  "4294967295",
];

/** A value that costs a parser much for its length. */
function largeValue(random: Random): string {
  const length = pick(random, [10, 100, 1000, 20_000]);
  return pick(random, [
    () => "[".repeat(length) + "]".repeat(length),
    () => '{"a":'.repeat(length) + "1" + "}".repeat(length),
    () => JSON.stringify("x".repeat(length)),
    () => `[${"0,".repeat(length)}0]`,
    () => `{${Array.from({ length }, (_, i) => `"${i}":${i}`).join(",")}}`,
    () => "9".repeat(length),
  ])();
}

/** A place of the tree: a node among the members or elements of its parent, or the root of all. */
interface Place {
  readonly node: Node;
  readonly parent?: Exclude<Node, string>;
  readonly at: number;
}

function placesOf(root: Node): Place[] {
  const places: Place[] = [{ node: root, at: 0 }];
  for (let i = 0; i < places.length; i++) {
    const parent = places[i]!.node;
    if (typeof parent === "string") continue;
    const nodes = "elements" in parent ? parent.elements : parent.members.map(([, value]) => value);
    for (let at = 0; at < nodes.length; at++) places.push({ node: nodes[at]!, parent, at });
  }
  return places;
}

/** @returns the root of the changed tree */
function replaced(root: Node, { parent, at }: Place, node: Node): Node {
  if (parent === undefined) return node;
  if ("elements" in parent) parent.elements[at] = node;
  else parent.members[at] = [parent.members[at]![0], node];
  return root;
}

function changeMembers(random: Random, members: (readonly [string, Node])[]): void {
  const at = random.below(members.length + 1);
  const one = members[at];
  if (one === undefined) members.push([pick(random, keys), pick(random, values)]);
  else {
    pick(random, [
      () => members.splice(at, 1),
      // Repeats a key.
      () => members.push(one),
      () => (members[at] = [pick(random, keys), one[1]]),
      () => (members[at] = [one[0] + pick(random, ["x", "\u0000", "\u00e9", " "]), one[1]]),
      () => (members[at] = [pick(random, members)[0], one[1]]),
      () => members.splice(random.below(members.length), 0, ...members.splice(at, 1)),
    ])();
  }
}

function changeElements(random: Random, elements: Node[]): void {
  const at = random.below(elements.length + 1);
  const one = elements[at];
  if (one === undefined) elements.push(pick(random, values));
  else {
    pick(random, [
      () => elements.splice(at, 1),
      () => elements.push(...new Array<Node>(pick(random, [1, 2, 100, 5000])).fill(one)),
      () => elements.splice(random.below(elements.length), 0, ...elements.splice(at, 1)),
    ])();
  }
}

/** A document with one to three changes of its values, keys and nesting; undefined if it is not JSON, nested too deeply to be changed, or
 * larger than the fuzzer's files are. */
export function mutateJson(random: Random, document: Uint8Array): Uint8Array | undefined {
  try {
    const mutated = mutateValue(random, JSON.parse(Buffer.from(document).toString("utf8")));
    return mutated.length <= maxBytes ? Buffer.from(mutated) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

function mutateValue(random: Random, document: unknown): string {
  let root = nodeOf(document);
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const places = placesOf(root);
    const place = pick(random, places);
    const { node } = place;
    const kind = random.below(10);
    if (kind < 4 && typeof node !== "string") {
      if ("members" in node) changeMembers(random, node.members);
      else changeElements(random, node.elements);
    } else if (kind < 7) root = replaced(root, place, pick(random, values));
    else if (kind === 7) root = replaced(root, place, largeValue(random));
    // As text, so that no part of the tree is in two places.
    else if (kind === 8) root = replaced(root, place, textOf(pick(random, places).node));
    else {
      const wrapped: readonly Node[] = [{ elements: [node] }, { members: [["a", node]] }, { elements: [node, node] }];
      root = replaced(root, place, pick(random, wrapped));
    }
  }
  return textOf(root);
}
