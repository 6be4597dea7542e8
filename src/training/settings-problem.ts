/** Formats the error of an invalid setting: its name, the allowed values and the given one. */
import type { z } from "zod";
import { InputError, nearestHint, nearestNames } from "../errors.js";

type Issue = z.core.$ZodIssue;
/** The fields of JSON Schema that errors are made of. */
interface Node {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Node[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly propertyNames?: Node;
  readonly items?: Node | false;
  readonly prefixItems?: readonly Node[];
  readonly minItems?: number;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
}

/**
 * @param issues one or more issues of zod
 * @param schema JSON Schema of the settings
 * @param given  the settings
 * @param where  name of the file, for errors
 */
export function settingsProblem(issues: readonly Issue[], schema: object, given: object, where: string): InputError {
  const all = issues.map(innermost);
  // A mistyped name is also missing.
  const mistyped = all.find((one) => one.issue.code === "unrecognized_keys" && one.path.length === 0);
  const [near] = mistyped === undefined ? [] : nearestNames(unknownIn(mistyped.issue), namesAt([schema]));
  const { issue, path } = mistyped !== undefined && near !== undefined && !(near in given) ? mistyped : all[0]!;
  const place = (names: readonly PropertyKey[]) => `${where}: ${names.map(String).join(".")}`;
  const nodes = path.reduce<readonly Node[]>(nodesBelow, [schema]);
  const found = path.reduce<unknown>(
    (value, key) => (value as Readonly<Record<PropertyKey, unknown>> | undefined)?.[key],
    given,
  );
  if (issue.code === "unrecognized_keys") {
    return unknownName(place([...path, unknownIn(issue)]), unknownIn(issue), namesAt(nodes));
  }
  if (issue.code === "invalid_key") {
    const above = path.slice(0, -1).reduce<readonly Node[]>(nodesBelow, [schema]);
    return unknownName(place(path), String(path.at(-1)), namesAt(above));
  }
  const expected = issue.code === "custom" ? issue.message : alternatives(nodes);
  return new InputError({
    code: "invalid-setting",
    where: place(path),
    expected: found === "" && expected === "text" ? "text that is not empty" : expected,
    found: described(found),
    hint: nearestHint(found, choicesOf(nodes)),
  });
}

/** A value for an error, shortened. */
export const described = (value: unknown): string => {
  if (value === undefined) return "nothing";
  if (typeof value === "number") return String(value);
  return JSON.stringify(value)?.slice(0, 80) ?? typeof value;
};

/** @param names all names that exist */
function unknownName(where: string, name: string, names: readonly string[]): InputError {
  return new InputError({
    code: "invalid-setting",
    where,
    expected: "a setting of a training run",
    found: "an unknown name",
    hint: nearestHint(name, names) ?? `There are ${names.join(", ")}`,
  });
}

interface Placed {
  readonly issue: Issue;
  readonly path: readonly PropertyKey[];
}

/** In a union, the issue of the form that was meant, which is about more than the type of the value; otherwise that of the union. */
function innermost(issue: Issue): Placed {
  if (issue.code !== "invalid_union") return { issue, path: issue.path };
  for (const [first] of issue.errors) {
    if (first === undefined) continue;
    const inner = innermost(first);
    const isMeant = inner.path.length > 0 || inner.issue.code === "unrecognized_keys";
    if (isMeant) return { issue: inner.issue, path: [...issue.path, ...inner.path] };
  }
  return { issue, path: issue.path };
}

const unknownIn = (issue: Issue): string => (issue.code === "unrecognized_keys" ? (issue.keys[0] ?? "") : "");

const flattened = (nodes: readonly Node[]): Node[] =>
  nodes.flatMap((node) => (node.anyOf ? flattened(node.anyOf) : [node]));

/** The schemas of an entry. */
function nodesBelow(nodes: readonly Node[], key: PropertyKey): Node[] {
  return flattened(nodes).flatMap(({ properties, additionalProperties, items, prefixItems }) => {
    if (typeof key === "number") return prefixItems?.[key] ?? (items === undefined || items === false ? [] : items);
    const further = typeof additionalProperties === "object" ? additionalProperties : [];
    return properties?.[String(key)] ?? further;
  });
}

const namesAt = (nodes: readonly Node[]): string[] =>
  flattened(nodes).flatMap(({ properties, propertyNames }) => [
    ...Object.keys(properties ?? {}),
    ...(propertyNames?.enum ?? []).map(String),
  ]);

const choicesOf = (nodes: readonly Node[]): string[] =>
  flattened(nodes)
    .flatMap((node) => [...(node.enum ?? []), ...(node.const === undefined ? [] : [node.const])])
    .map(String);

const alternatives = (nodes: readonly Node[]): string => [...new Set(flattened(nodes).map(words))].join(" or ");

function words(node: Node): string {
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return `one of ${node.enum.map(String).join(", ")}`;
  if (node.type === "array") return listWords(node);
  const kind = kinds[node.type ?? ""] ?? "something else";
  return kind.endsWith("number") ? kind + rangeWords(node) : kind;
}

const kinds: Readonly<Record<string, string>> = {
  string: "text",
  boolean: "true or false",
  object: "an object",
  integer: "a whole number",
  number: "a number",
};

function listWords({ prefixItems, minItems = 0 }: Node): string {
  if (prefixItems === undefined) return minItems > 0 ? "a list that is not empty" : "a list";
  return `a list of ${prefixItems.length}: ${prefixItems.map(words).join(", ")}`;
}

function rangeWords({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: Node): string {
  const upper = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (minimum !== undefined && upper !== undefined) return ` from ${minimum} to ${upper}`;
  const parts = [
    minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? [] : `of at least ${minimum}`,
    exclusiveMinimum === undefined ? [] : `above ${exclusiveMinimum}`,
    upper === undefined ? [] : `of at most ${upper}`,
    exclusiveMaximum === undefined ? [] : `below ${exclusiveMaximum}`,
  ].flat();
  return parts.length === 0 ? "" : ` ${parts.join(" and ")}`;
}
