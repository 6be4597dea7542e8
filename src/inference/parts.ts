/** The sub-graphs and requirements of each task, derived from the table of heads. */
import { InputError } from "../errors.js";
import {
  headEntry,
  heads,
  type BridgeTowerConfig,
  type ConfigNeed,
  type Head,
  type HeadInputs,
  type headTable,
} from "../model/index.js";
import { comparisonGraph, fusionGraph, imageGraph, textGraph, type Outputs } from "./sub-graphs.js";

type Build = (config: BridgeTowerConfig) => Outputs;

/** Sub-graphs that end in states, which other sub-graphs read. */
const states = {
  text: (config) => textGraph(config).state(),
  image: (config) => imageGraph(config).state(),
  "second image": (config) => imageGraph(config, { type: 2 }).state(),
  "fusion pooled": (config) => fusionGraph(config, { sharedImage: true, lastQueries: "first" }).state(),
} satisfies Record<string, Build>;

/** Tokens of the last level that the head reads. */
const lastQueries = (head: Head): "all" | "first" =>
  Object.values(headEntry(head).outputs).some(({ reads }) => reads === "textFeatures") ? "all" : "first";

/** Sub-graphs that end in the outputs of a head. */
const headGraphs = {
  text: (config, head) => textGraph(config).heads([head]),
  image: (config, head) => imageGraph(config).heads([head]),
  "image and": (config, head) => {
    const graph = imageGraph(config);
    return { ...graph.state(), ...graph.heads([head]) };
  },
  /** All texts with one image. */
  fusion: (config, head) => fusionGraph(config, { sharedImage: true, lastQueries: lastQueries(head) }).heads([head]),
  /** The i-th text with the i-th image. */
  pairs: (config, head) => fusionGraph(config, { lastQueries: lastQueries(head) }).heads([head]),
  comparison: (config, head) => comparisonGraph(config, [head]),
} satisfies Record<string, (config: BridgeTowerConfig, head: Head) => Outputs>;

/** Key of a sub-graph: states, or with the name of a head, such as `fusion itm`, its outputs. */
export type Part = keyof typeof states | `${keyof typeof headGraphs} ${Head}`;

// Object.fromEntries knows only strings; these are the keys of the type.
export const parts = {
  ...states,
  ...Object.fromEntries(
    heads.flatMap((head) =>
      Object.entries(headGraphs).map(([name, build]): [string, Build] => [
        `${name} ${head}`,
        (config) => build(config, head),
      ]),
    ),
  ),
} as Readonly<Record<Part, Build>>;

/** The tasks of one head. */
export type TasksOf<Outputs> = {
  [Name in keyof Outputs]: Outputs[Name] extends { readonly task: infer T extends string } ? T : never;
}[keyof Outputs];

/** Every `task` of the table of heads. */
export type Task = { [H in Head]: TasksOf<(typeof headTable)[H]["outputs"]> }[Head];

interface TaskNeeds {
  readonly head: Head;
  /** In the order in which they run. */
  readonly parts: readonly Part[];
  readonly config: ConfigNeed | undefined;
}

/** The sub-graphs that an output needs, by the inputs of its head. */
const partsFor: Readonly<Record<keyof HeadInputs, (head: Head, isPairwise: boolean) => readonly Part[]>> = {
  textToken: (head) => [`text ${head}`],
  imageToken: (head) => [`image ${head}`],
  textFeatures: (head) => ["text", "image", `fusion ${head}`],
  pooled: (head, isPairwise) => ["text", "image", `${isPairwise ? "pairs" : "fusion"} ${head}`],
  bothPooled: (head) => ["text", "image", "second image", "fusion pooled", `comparison ${head}`],
};

export const tasks = Object.fromEntries(
  heads.flatMap((head) =>
    Object.values(headEntry(head).outputs).flatMap(({ task, reads, isPairwise = false, needs }) =>
      task === undefined ? [] : [[task, { head, parts: partsFor[reads](head, isPairwise), config: needs }]],
    ),
  ),
) as Readonly<Record<Task, TaskNeeds>>;

/** The requirements of the task. */
export const needsOf = (task: Task): TaskNeeds => tasks[task];

/** The requirements of a head for the config. */
export const needsOfHead = (head: Head): readonly ConfigNeed[] =>
  Object.values(headEntry(head).outputs).flatMap(({ needs, isOptional = false }) => (isOptional ? [] : (needs ?? [])));

/** @throws InputError if a model with this config cannot do the task */
export function checkConfig(need: ConfigNeed | undefined, config: BridgeTowerConfig, where: string): void {
  if (need !== undefined && !need.holds(config)) throw new InputError({ ...need.problem(config), where });
}
