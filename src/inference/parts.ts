/** The sub-graphs that the tasks run, and what each task needs of a checkpoint: derived from the table of heads. */
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

/** The fusion of a text with an image that it shares with the others, with one head. */
const fusionWith =
  (head: Head): Build =>
  (config) => {
    const needsTokens = Object.values(headEntry(head).outputs).some(({ reads }) => reads === "textFeatures");
    return fusionGraph(config, { sharedImage: true, lastQueries: needsTokens ? "all" : "first" }).heads([head]);
  };

const fusions = Object.fromEntries(heads.map((head) => [`fusion ${head}`, fusionWith(head)])) as Record<
  `fusion ${Head}`,
  Build
>;

export const parts = {
  text: (config) => textGraph(config).state(),
  image: (config) => imageGraph(config).state(),
  "second image": (config) => imageGraph(config, { type: 2 }).state(),
  ...fusions,
  "fusion itc": (config) => fusionGraph(config, { lastQueries: "first" }).heads(["itc"]),
  "fusion itc, one image": fusions["fusion itc"],
  "fusion pooled": (config) => fusionGraph(config, { sharedImage: true, lastQueries: "first" }).state(),
  comparison: (config) => comparisonGraph(config, ["nlvr2"]),
  "embed text": (config) => textGraph(config).heads(["itc"]),
  "embed image": (config) => imageGraph(config).heads(["itc"]),
  "image and embedding": (config) => {
    const graph = imageGraph(config);
    return { ...graph.state(), ...graph.heads(["itc"]) };
  },
} satisfies Record<string, Build>;

export type Part = keyof typeof parts;

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

/** The sub-graphs that lead to an output, by what its head reads. */
const partsFor: Readonly<Record<keyof HeadInputs, (head: Head) => readonly Part[]>> = {
  textToken: () => ["embed text"],
  imageToken: () => ["embed image"],
  textFeatures: (head) => ["text", "image", `fusion ${head}`],
  pooled: (head) => ["text", "image", `fusion ${head}`],
  bothPooled: () => ["text", "image", "second image", "fusion pooled", "comparison"],
};

export const tasks = Object.fromEntries(
  heads.flatMap((head) =>
    Object.values(headEntry(head).outputs).flatMap(({ task, reads, needs }) =>
      task === undefined ? [] : [[task, { head, parts: partsFor[reads](head), config: needs }]],
    ),
  ),
) as Readonly<Record<Task, TaskNeeds>>;

/** What the task needs. */
export const needsOf = (task: Task): TaskNeeds => tasks[task];

/** @throws InputError when the model that the config describes cannot do what needs this */
export function checkConfig(need: ConfigNeed | undefined, config: BridgeTowerConfig, where: string): void {
  if (need !== undefined && !need.holds(config)) throw new InputError({ ...need.problem(config), where });
}
