/** The data sets, config, tokenizer, answers and first values of a run, from starting points or from its own checkpoint. */
import {
  initializer,
  openStart,
  preprocessorConfig,
  startingConfig,
  startingValues,
  type StartingTensors,
} from "../conversion/index.js";
import { isAbsolute, join } from "node:path";
import { resolveModel, type HubOptions, tokenizerFiles } from "../checkpoint/index.js";
import { readJsonObject } from "../files/index.js";
import { openDataset, type Dataset } from "../data/index.js";
import {
  completeDataset,
  isCustomDataset,
  openModule,
  refuseMixedSplits,
  refuseModule,
  transformSettings,
} from "../data/internal.js";
import { InputError } from "../errors.js";
import { sameShape, type Parameter } from "../graph/index.js";
import {
  headsOf,
  maxTextLength,
  parameterList,
  parseConfig,
  presentHeads,
  type BridgeTowerConfig,
  type ObjectiveName,
} from "../model/index.js";
import { Tokenizer } from "../processing/index.js";
import type { Random } from "../random/index.js";
import { nameMatcher, objectiveWeights } from "../learner/internal.js";
import { findAnswers } from "../inference/index.js";
import { answersIn, answerTable, AnswerTable } from "./answer-labels.js";
import type { TrainingInput, TrainingSettings } from "./run-settings.js";

export interface RunModel {
  /** Content of config.json. */
  readonly json: object;
  readonly config: BridgeTowerConfig;
  readonly tokenizer: Tokenizer;
  /** File name -> path. */
  readonly tokenizerFiles: ReadonlyMap<string, string>;
  readonly answers: AnswerTable | undefined;
  /** All parameters that are saved. The objectives read some of them. */
  readonly parameters: readonly Parameter[];
  /** Names of the parameters that the objectives read. */
  readonly read: ReadonlySet<string>;
  readonly preprocessor: object;
}

export const objectivesOf = (settings: TrainingSettings): ObjectiveName[] =>
  objectiveWeights(settings.objectives).map(([name]) => name);

export interface OpenDatasetsOptions {
  /** The settings as passed in: data sets in code are taken from them. */
  readonly given: TrainingInput["data"];
  /** The folder that module paths are relative to. */
  readonly modulesFrom: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called with what the reader of a file left out or merged. */
  readonly onWarning: ((message: string) => void) | undefined;
}

/**
 * Data sets of one of the two settings of data. Closing a data set given in code does nothing, because its owner closes it.
 * @throws InputError naming the data set that cannot be opened, or has rows of several splits; those opened before are closed again
 */
export async function openDatasets(
  { data, data_root: root }: TrainingSettings,
  name: "train" | "validation",
  { given, modulesFrom, signal, onWarning }: OpenDatasetsOptions,
): Promise<Dataset[]> {
  const inputs = [given[name] ?? []].flat();
  const opened: Dataset[] = [];
  const open = async (source: TrainingSettings["data"]["train"][number], input: unknown): Promise<Dataset> => {
    if (typeof source === "string") return openDataset(rooted(source, root), { signal });
    if ("path" in source) return openDataset({ ...source, path: rooted(source.path, root) }, { signal });
    if ("module" in source) {
      if (modulesFrom === undefined) return refuseModule(source, `data.${name}`);
      return openModule(source, modulesFrom);
    }
    if (isCustomDataset(input)) return { ...completeDataset(input), close: () => Promise.resolve() };
    throw new InputError({
      code: "invalid-setting",
      where: `data.${name}`,
      expected: "a path or a module",
      found: `the record of a data set ${JSON.stringify(source.dataset)}, which must be passed as an object in code`,
    });
  };
  try {
    for (const [i, source] of (data[name] ?? []).entries()) {
      const dataset = await open(source, inputs[i]);
      opened.push(dataset);
      const example = JSON.stringify({ path: dataset.name, split: dataset.mixedSplits?.[0] });
      refuseMixedSplits(dataset, `Choose a split in data.${name}, as in ${example}; several are a list of these`);
      for (const note of dataset.report?.notes ?? []) onWarning?.(`data.${name}, ${dataset.name}: ${note}`);
    }
    return opened;
  } catch (error) {
    for (const dataset of opened) await dataset.close();
    throw error;
  }
}

const rooted = (path: string, root: string): string => (isAbsolute(path) ? path : join(root, path));

/** The model of a new run. @throws InputError when starting points, config, tokenizer and answers do not fit together */
export async function newModel(
  settings: TrainingSettings,
  datasets: readonly Dataset[],
  random: Random,
  hub: HubOptions,
): Promise<{ readonly model: RunModel; readonly values: Map<string, Float32Array<ArrayBuffer>> }> {
  const starts: StartingTensors[] = [];
  for (const name of settings.start) starts.push(await openStart(name, hub));
  const kept = withoutReset(starts, settings.reset);
  const folders = starts.flatMap(({ folder }) => folder ?? []).reverse();
  const objectives = objectivesOf(settings);
  const learnsAnswers = objectives.includes("vqa");
  const known = await knownAnswers(kept);
  const paths = settings.data.train.flatMap((one) => {
    const path = typeof one === "string" ? one : "path" in one ? one.path : undefined;
    return path === undefined ? [] : [rooted(path, settings.data_root)];
  });
  const answers = learnsAnswers ? await answerTable({ named: settings.answers, known, paths, datasets }) : known;
  const json = await startingConfig(starts, givenConfig(settings, learnsAnswers ? answers : undefined), hub);
  // The names of the starting point's answers, which are no longer valid and would be used before answers.json.
  const runJson = learnsAnswers ? without(json, ["id2label", "label2id"]) : json;
  const config = parseConfig(runJson, "config of the run");
  const trained = [...new Set(objectives.flatMap((name) => headsOf(name)))];
  const present = kept.flatMap((start) => presentHeads(config, (name) => start.tensors.has(name), { partial: true }));
  const { used, unused } = parameterList(config, [...new Set([...trained, ...present])]);
  // A published file has unused parameters, too, so that transformers misses no name.
  const parameters = [...used, ...unused];
  checkClassifiers(parameters, kept);
  if (learnsAnswers && known !== undefined) checkSameAnswers(known, answers!, kept);
  const tokenizerFolder = await folderWithTokenizer(settings, folders, hub);
  const tokenizer = await Tokenizer.fromFolder(tokenizerFolder);
  checkTexts(settings, config, tokenizer);
  const initialize = initializer(config, settings.initialization, random.at("start"));
  const { values } = await startingValues(parameters, kept, initialize, { signal: hub.signal });
  const model: RunModel = {
    json: runJson,
    config,
    tokenizer,
    tokenizerFiles: await tokenizerFiles(tokenizerFolder),
    answers,
    parameters,
    read: new Set(parameterList(config, trained).used.map(({ name }) => name)),
    preprocessor: preprocessorOf(settings, config),
  };
  return { model, values };
}

/** The model of a resumed run, from its checkpoint. */
export async function savedModel(settings: TrainingSettings, folder: string): Promise<RunModel> {
  const start = await openStart(folder);
  const file = join(folder, "config.json");
  // As it was written, so that the resumed run writes the same config.
  const json = await readJsonObject(file);
  const config = parseConfig(json, file);
  const trained = objectivesOf(settings).flatMap((name) => headsOf(name));
  const { used, unused } = parameterList(config, [
    ...new Set([...trained, ...presentHeads(config, (name) => start.tensors.has(name), { partial: true })]),
  ]);
  const tokenizer = await Tokenizer.fromFolder(folder);
  checkTexts(settings, config, tokenizer);
  return {
    json,
    config,
    tokenizer,
    tokenizerFiles: await tokenizerFiles(folder),
    answers: await answersIn(folder),
    parameters: [...used, ...unused.filter(({ name }) => start.tensors.has(name))],
    read: new Set(parameterList(config, [...new Set(trained)]).used.map(({ name }) => name)),
    preprocessor: preprocessorOf(settings, config),
  };
}

function withoutReset(starts: readonly StartingTensors[], patterns: readonly string[]): StartingTensors[] {
  const names = starts.flatMap(({ tensors }) => [...tensors.keys()]);
  const isReset = nameMatcher("reset", patterns, names);
  return starts.map((start) => ({
    ...start,
    tensors: new Map([...start.tensors].filter(([name]) => !isReset(name))),
  }));
}

type Fields = Readonly<Record<string, unknown>>;

/** Fields of config.json that the settings ask for. */
function givenConfig({ config, image_size }: TrainingSettings, answers: AnswerTable | undefined): Fields {
  return {
    ...config,
    ...(answers === undefined ? {} : { vqav2_label_size: answers.answers.length }),
    ...(image_size === undefined ? {} : { vision_config: { ...config.vision_config, image_size } }),
  };
}

const without = (object: Fields, names: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

/** The answers of the classifier that a run starts from: that of the last starting point with one. */
async function knownAnswers(starts: readonly StartingTensors[]): Promise<AnswerTable | undefined> {
  for (const { folder, tensors } of [...starts].reverse()) {
    const last = tensors.get("vqa_classifier.3.bias") ?? tensors.get("vqa_classifier.0.bias");
    if (folder === undefined || last === undefined) continue;
    const answers = await findAnswers(folder, last.shape[0] ?? 0);
    if (answers !== undefined) return new AnswerTable(answers);
  }
  return undefined;
}

const newClassifier = 'Name the old one in reset, as in "vqa_classifier.*", to start a new one';

/** @throws InputError for a classifier with other shapes than the run needs */
function checkClassifiers(parameters: readonly Parameter[], kept: readonly StartingTensors[]): void {
  for (const { source, tensors } of kept) {
    for (const { name, shape } of parameters) {
      const found = tensors.get(name)?.shape;
      if (found === undefined || sameShape(found, shape) || !/_classifier\./.test(name)) continue;
      throw new InputError({
        code: "parameter-mismatch",
        where: `${name} in ${source}`,
        expected: `[${shape.join(", ")}], as answers and head_hidden_scale of the run ask for`,
        found: `[${found.join(", ")}]`,
        hint: newClassifier.replace("vqa_classifier", name.split(".")[0]!),
      });
    }
  }
}

/** @throws InputError if an output of the classifier would get another answer */
function checkSameAnswers(known: AnswerTable, now: AnswerTable, kept: readonly StartingTensors[]): void {
  const different = now.answers.findIndex((answer, i) => answer !== known.answers[i]);
  if (different === -1) return;
  throw new InputError({
    code: "invalid-setting",
    where: "answers",
    expected: `those of the classifier in ${kept.map(({ source }) => source).join(" and ")}, whose answer ${different} is ${JSON.stringify(known.answers[different])}`,
    found: JSON.stringify(now.answers[different]),
    hint: newClassifier,
  });
}

/** @throws InputError if the model lacks positions or word embeddings for the texts */
function checkTexts(
  { max_text_len }: TrainingSettings,
  { text_config }: BridgeTowerConfig,
  tokenizer: Tokenizer,
): void {
  const longest = maxTextLength(text_config);
  if (max_text_len > longest) {
    const expected = `at most ${longest} tokens, which max_position_embeddings of the text tower allows`;
    throw new InputError({ code: "invalid-setting", where: "max_text_len", expected, found: String(max_text_len) });
  }
  if (tokenizer.vocabSize > text_config.vocab_size) {
    throw new InputError({
      code: "invalid-config",
      where: "tokenizer",
      expected: `at most ${text_config.vocab_size} tokens, the vocab_size of the model`,
      found: String(tokenizer.vocabSize),
      hint: "Use the tokenizer of the model",
    });
  }
}

/** The image settings of `val_transform`, so that the model is used as it was validated. */
const preprocessorOf = (
  { val_transform: key }: TrainingSettings,
  { vision_config: { image_size } }: BridgeTowerConfig,
): object => ({ ...preprocessorConfig(image_size), ...transformSettings({ key, image_size }) });

async function folderWithTokenizer(
  { tokenizer }: TrainingSettings,
  folders: readonly string[],
  hub: HubOptions,
): Promise<string> {
  if (tokenizer !== undefined) return resolveModel(tokenizer, hub);
  for (const folder of folders) {
    const files = await tokenizerFiles(folder);
    if (files.has("tokenizer.json") || files.has("vocab.json")) return folder;
  }
  throw new InputError({
    code: "invalid-setting",
    where: "tokenizer",
    expected: "a folder or hub id, because no starting point has a tokenizer",
    found: "none",
    hint: "Pass one, such as roberta-base",
  });
}
