/** Names of tensors without what wrappers and old versions of libraries made of them. */
import { InputError } from "../errors.js";
import { layouts, wholeLayouts } from "./layouts.js";

export interface CleanNames {
  /** The name in a published file for a name in this file. */
  readonly clean: (name: string) => string;
  /** What was changed, in a few words each. */
  readonly notes: readonly string[];
}

/** Modules that torch.compile, FSDP, activation checkpointing and Lightning Fabric insert between others. */
const wrapperModules = new Set(["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"]);

/** Attributes that hold the model in wrappers. Only these are removed from the names of a tower alone, which others resemble. */
const wrapperAttributes = new Set(["model", "module", "net", "network"]);

/** More than any nesting of wrappers. */
const maxPrefix = 5;

/**
 * Removes from the names of a checkpoint what was put around the model: modules of torch.compile and FSDP, and the prefix that the
 * model's names share, such as `module.` or `model.bridge.`. `LayerNorm.gamma` and `LayerNorm.beta` of old checkpoints become
 * `LayerNorm.weight` and `LayerNorm.bias`, as in transformers.
 * @throws InputError if several models are in the file, or two names become the same
 */
export function cleanNames(source: string, names: readonly string[]): CleanNames {
  const bare = names.map(withoutWrapperModules);
  const prefix = commonPrefix(source, bare);
  const withoutPrefix = (name: string) => (name.startsWith(prefix) ? name.slice(prefix.length) : name);
  const clean = (name: string) => renamed(withoutPrefix(withoutWrapperModules(name)));
  checkDistinct(source, names, clean);
  const wrapped = names.filter((name, i) => name !== bare[i]);
  const modules = [...wrapperModules].filter((module) => wrapped.some((name) => name.split(".").includes(module)));
  const prefixed = prefix === "" ? 0 : bare.filter((name) => name.startsWith(prefix)).length;
  const old = bare.filter((name) => renamed(name) !== name).length;
  return {
    clean,
    notes: [
      ...(wrapped.length === 0 ? [] : [`removed ${modules.join(", ")} from ${wrapped.length} names`]),
      ...(prefixed === 0 ? [] : [`removed the prefix ${prefix.slice(0, 200)} from ${prefixed} names`]),
      ...(old === 0 ? [] : [`read gamma and beta of LayerNorm as weight and bias in ${old} names`]),
    ],
  };
}

function withoutWrapperModules(name: string): string {
  return name
    .split(".")
    .filter((part) => !wrapperModules.has(part))
    .join(".");
}

const renamed = (name: string): string =>
  name.replace(/(^|\.)LayerNorm\.gamma$/, "$1LayerNorm.weight").replace(/(^|\.)LayerNorm\.beta$/, "$1LayerNorm.bias");

/** The shortest prefix without which the names are those of a known layout; empty if they are so already, or never. */
function commonPrefix(source: string, names: readonly string[]): string {
  if (names.some((name) => layouts.some(({ marker }) => marker.test(name)))) return "";
  for (let depth = 1; depth <= maxPrefix; depth++) {
    const prefixes = new Set(names.flatMap((name) => prefixOf(name, depth) ?? []));
    const [prefix, ...others] = prefixes;
    if (prefix === undefined) continue;
    if (others.length === 0) return prefix;
    throw new InputError({
      code: "invalid-checkpoint",
      where: source,
      expected: "the weights of one model",
      found: `several: ${[...prefixes].slice(0, 8).map((one) => one.slice(0, -1).slice(0, 80)).join(", ")}`, // prettier-ignore
      hint: "Save the state_dict() of the one that you mean",
    });
  }
  return "";
}

function prefixOf(name: string, depth: number): string | undefined {
  const parts = name.split(".", maxPrefix + 1).slice(0, depth);
  const prefix = `${parts.join(".")}.`;
  const rest = name.slice(prefix.length);
  const isWrapper = parts.every((part) => wrapperAttributes.has(part));
  return (isWrapper ? layouts : wholeLayouts).some(({ marker }) => marker.test(rest)) ? prefix : undefined;
}

function checkDistinct(source: string, names: readonly string[], clean: (name: string) => string): void {
  const originals = new Map<string, string>();
  for (const name of names) {
    const before = originals.get(clean(name));
    if (before !== undefined) {
      throw new InputError({
        code: "invalid-checkpoint",
        where: `${source}: ${clean(name).slice(0, 200)}`,
        expected: "one tensor",
        found: `${before.slice(0, 200)} and ${name.slice(0, 200)}`,
        hint: "Save the state_dict() of the model alone",
      });
    }
    originals.set(clean(name), name);
  }
}

/** Calls `onWarning` with one line of all that was left out of a file or removed from its names, if anything was. */
export function reportNotes(
  { source, notes }: { readonly source: string; readonly notes: readonly string[] },
  onWarning: ((message: string) => void) | undefined,
): void {
  if (notes.length > 0) onWarning?.(`${source}: ${notes.join("; ")}`);
}
