/** Every public call refuses arguments of wrong types with an InputError, as JavaScript callers may pass anything. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import * as data from "./data/index.js";
import { InputError, errorCodes } from "./errors.js";
import * as evaluation from "./evaluation/index.js";
import * as api from "./index.js";
import type {
  BridgeTowerOptions,
  EncodeOptions,
  ForwardOptions,
  HubOptions,
  ImageOptions,
  LoadOptions,
  ProcessOptions,
  Progress,
  TaskOptions,
  TextOptions,
  TopKOptions,
} from "./index.js";
import * as learning from "./learner/index.js";
import * as training from "./training/index.js";

const folder = await mkdtemp(join(tmpdir(), "public-calls-"));
const model = await api.BridgeTower.fromPretrained();
const processor = await api.BridgeTowerProcessor.fromPretrained(api.defaultModel);
const classes = {
  BridgeTowerModel: api.BridgeTowerModel,
  BridgeTowerForImageAndTextRetrieval: api.BridgeTowerForImageAndTextRetrieval,
  BridgeTowerForMaskedLM: api.BridgeTowerForMaskedLM,
  BridgeTowerForContrastiveLearning: api.BridgeTowerForContrastiveLearning,
};
const image = "examples/images/000.png";
const inputs = await processor.process(image, "a fox <mask>");
const dataset = await data.openDataset("examples/images");
const threads = new data.ImageThreads({ threads: 1 });
const job: data.ImageJob = {
  source: dataset.images(0)[0]!,
  transform: { key: "blip", image_size: 96 },
  seed: 0,
  labels: [],
};

const start = await learning.openStart(api.defaultModel);
const config = learning.parseConfig(await learning.startingConfig([start], {}));
const optimizer = learning.optimizerSettings({ learning_rate: 1e-4, warmup_steps: 0, max_steps: 10 });
const initialize = learning.initializer(config, "transformers", new learning.Random(0));
const values = (await learning.startingValues(learning.parameterList(config, ["itm"]).used, [start], initialize))
  .values;
const settings: learning.LearnerSettings = { config, objectives: { itm: 1 }, optimizer, threads: 1 };
const learner = new learning.Learner(values, settings);

afterAll(async () => {
  await Promise.all([model, ...opened.map(([, one]) => one)].map((one) => one.dispose()));
  await Promise.all([threads.dispose(), learner.dispose(), dataset.close()]);
  await rm(folder, { recursive: true, force: true });
});

/** Arguments that the call accepts, and for each of them values that it refuses. */
interface Call {
  readonly call: (...given: never[]) => unknown;
  readonly valid: readonly unknown[];
  readonly wrong: readonly (readonly unknown[])[];
}

const notObjects = [null, 3, "x", [], () => undefined];
const notStrings = [null, 3, true, {}, [], Buffer.from("x"), Symbol("x")];
const notTexts = [undefined, null, 3, {}, [3], [null], [undefined], ["a fox", ["nested"]], new String("x")];
const notFolders = [null, 3, {}, [], new URL("file:///tmp"), Buffer.from("x")];
const notSignals = [null, 3, "x", {}, new AbortController(), { aborted: false }];
const notFunctions = [null, 3, "x", {}];
const notBooleans = [null, 0, "true", {}];
const notCounts = [null, 0, -1, 1.5, NaN, "3", 3n, {}];
const notImages = [undefined, null, 3, true, {}, [3], [null], new Float32Array(3), { width: 1, height: 1, data: "x" }];
const notTensors = [null, 3, [1, 2], new Float32Array(2), {}];

/** Values that an options argument is refused with: other values, an unknown name, and each option with a value of another type. */
const wrongOptions = <Options extends object>(each: Readonly<Record<keyof Options, readonly unknown[]>>): unknown[] => [
  ...notObjects,
  { nonsense: 1 },
  ...Object.entries<readonly unknown[]>(each).flatMap(([name, values]) => values.map((value) => ({ [name]: value }))),
];

const wrongText = { signal: notSignals, truncation: [null, "never", true] };
const wrongProgress = { signal: notSignals, onProgress: notFunctions };
const wrongTask = { ...wrongText, ...wrongProgress };
const wrongHub = {
  revision: notStrings,
  cacheDir: notStrings,
  token: notStrings,
  localFilesOnly: notBooleans,
  onDownload: notFunctions,
  onWarning: notFunctions,
  endpoint: notStrings,
  signal: notSignals,
};
const wrongLoad = { ...wrongHub, device: [null, "gpu", 3], threads: notCounts };
const onBrokenImage = notFunctions;

const text = wrongOptions<TextOptions>(wrongText);
const task = wrongOptions<TaskOptions>(wrongTask);
const topK = wrongOptions<TopKOptions>({ ...wrongText, topK: notCounts });

const ofModel: Readonly<Record<string, Call>> = {
  match: {
    call: model.match.bind(model),
    valid: [image, "a fox", {}],
    wrong: [notImages, notTexts, wrongOptions<TaskOptions & ImageOptions>({ ...wrongTask, onBrokenImage })],
  },
  streamMatch: {
    call: (...given: Parameters<typeof model.streamMatch>) => entries(model.streamMatch(...given)),
    valid: [[image], ["a fox"], {}],
    wrong: [
      [...notImages, image],
      [...notTexts, "a fox"],
      wrongOptions<TaskOptions & ImageOptions>({ ...wrongTask, onBrokenImage }),
    ],
  },
  fillMask: {
    call: model.fillMask.bind(model),
    valid: [image, "a <mask>", {}],
    wrong: [[...notImages, [image]], [...notTexts, ["a <mask>"]], topK],
  },
  embedText: { call: model.embedText.bind(model), valid: ["a fox", {}], wrong: [notTexts, task] },
  embedImage: {
    call: model.embedImage.bind(model),
    valid: [image, {}],
    wrong: [notImages, wrongOptions<Progress>(wrongProgress)],
  },
  embedPair: { call: model.embedPair.bind(model), valid: [image, "a fox", {}], wrong: [notImages, notTexts, task] },
  streamTextEmbeddings: {
    call: (...given: Parameters<typeof model.streamTextEmbeddings>) => entries(model.streamTextEmbeddings(...given)),
    valid: [["a fox"], {}],
    wrong: [[...notTexts, "a fox"], task],
  },
  streamImageEmbeddings: {
    call: (...given: Parameters<typeof model.streamImageEmbeddings>) => entries(model.streamImageEmbeddings(...given)),
    valid: [[image], {}],
    wrong: [[...notImages, image], wrongOptions<Progress & ImageOptions>({ ...wrongProgress, onBrokenImage })],
  },
  streamPairEmbeddings: {
    call: (...given: Parameters<typeof model.streamPairEmbeddings>) => entries(model.streamPairEmbeddings(...given)),
    valid: [[image], ["a fox"], {}],
    wrong: [
      [...notImages, image],
      [...notTexts, "a fox"],
      wrongOptions<TaskOptions & ImageOptions>({ ...wrongTask, onBrokenImage }),
    ],
  },
  answer: { call: model.answer.bind(model), valid: [image, "how many?", {}], wrong: [notImages, notTexts, topK] },
  entail: { call: model.entail.bind(model), valid: [image, "a fox", {}], wrong: [notImages, notTexts, text] },
  compare: {
    call: model.compare.bind(model),
    valid: [image, image, "a fox", {}],
    wrong: [notImages, notImages, notTexts, text],
  },
};

const ofApi: Readonly<Record<string, Call>> = {
  "BridgeTower.fromPretrained": {
    call: api.BridgeTower.fromPretrained.bind(api.BridgeTower),
    valid: [undefined, {}],
    wrong: [
      notFolders,
      wrongOptions<BridgeTowerOptions>({
        ...wrongLoad,
        prepare: [null, "match", ["mtach"], [3]],
        prepackText: notBooleans,
        onPhotograph: notFunctions,
      }),
    ],
  },
  "new BridgeTower": { call: construct(api.BridgeTower), valid: [], wrong: [[undefined, null, {}, model]] },
  "new BridgeTowerProcessor": {
    call: construct(api.BridgeTowerProcessor),
    valid: [processor.tokenizer, processor.imageProcessor, 3],
    wrong: [
      [undefined, {}],
      [undefined, {}],
    ],
  },
  ...Object.fromEntries(
    Object.entries(classes).flatMap(([name, pretrained]): [string, Call][] => [
      [
        `${name}.fromPretrained`,
        {
          call: (...given: [string, LoadOptions]) => pretrained.fromPretrained(...given),
          valid: [api.defaultModel, {}],
          wrong: [[undefined, ...notFolders], wrongOptions<LoadOptions>(wrongLoad)],
        },
      ],
      [`new ${name}`, { call: construct(pretrained), valid: [], wrong: [[undefined, null, {}, model]] }],
    ]),
  ),
  "BridgeTowerProcessor.fromPretrained": {
    call: api.BridgeTowerProcessor.fromPretrained.bind(api.BridgeTowerProcessor),
    valid: [api.defaultModel, {}],
    wrong: [[undefined, ...notFolders], wrongOptions<HubOptions>(wrongHub)],
  },
  process: {
    call: processor.process.bind(processor),
    valid: [image, "a fox", {}],
    wrong: [
      notImages.slice(1),
      notTexts.slice(1),
      wrongOptions<ProcessOptions>({
        padding: [null, "longest", 3],
        truncation: notBooleans,
        maxLength: notCounts,
        signal: notSignals,
      }),
    ],
  },
  decode: {
    call: processor.decode.bind(processor),
    valid: [[0, 2], {}],
    wrong: [
      [undefined, null, 3, "abc", {}],
      wrongOptions<{ skipSpecialTokens: boolean }>({ skipSpecialTokens: notBooleans }),
    ],
  },
  "tokenizer.encode": {
    call: processor.tokenizer.encode.bind(processor.tokenizer),
    valid: ["a fox", {}],
    wrong: [
      [...notTexts, ["a fox"]],
      wrongOptions<EncodeOptions>({ addSpecialTokens: notBooleans, maxLength: [...notCounts.slice(0, 4), "3", 1] }),
    ],
  },
  "tokenizer.encodeBatch": {
    call: processor.tokenizer.encodeBatch.bind(processor.tokenizer),
    valid: [["a fox"], {}],
    wrong: [
      [...notTexts, "a fox"],
      wrongOptions<api.BatchOptions>({ padding: [null, true, "max"], maxLength: ["3", 1] }),
    ],
  },
  "imageProcessor.preprocess": {
    call: processor.imageProcessor.preprocess.bind(processor.imageProcessor),
    valid: [[image], {}],
    wrong: [
      [...notImages, image],
      [...notObjects, { onDecoded: 3 }, { onBrokenImage: 3 }, { nonsense: 1 }],
    ],
  },
  exportOnnx: {
    call: api.exportOnnx,
    valid: [api.defaultModel, folder, {}],
    wrong: [
      [undefined, ...notFolders],
      [undefined, ...notFolders],
      wrongOptions<HubOptions & Progress>({ ...wrongHub, onProgress: notFunctions }),
    ],
  },
};

const opened = await Promise.all(
  Object.entries(classes).map(async ([name, one]) => [name, await one.fromPretrained(api.defaultModel)] as const),
);
const ofClasses: Readonly<Record<string, Call>> = Object.fromEntries(
  opened.map(([name, one]): [string, Call] => [
    `${name}.forward`,
    {
      call: one.forward.bind(one),
      valid: [inputs, {}],
      wrong: [
        [
          undefined,
          ...notObjects,
          {},
          ...Object.keys(inputs).flatMap((key) => notTensors.map((value) => ({ ...inputs, [key]: value }))),
          { ...inputs, input_ids: inputs.pixel_values },
          { ...inputs, labels: [1] },
        ],
        wrongOptions<ForwardOptions>({
          signal: notSignals,
          outputHiddenStates: notBooleans,
          outputAttentions: notBooleans,
          interpolatePosEncoding: notBooleans,
        }),
      ],
    },
  ]),
);

const evaluateOptions = { model: api.defaultModel, data: dataset, metrics: ["itm"] };
const trainSettings = { output: folder, start: api.defaultModel, data: { train: "examples/images" }, max_steps: 1 };
const prepareOptions = { source: folder, out: folder };
const tableOf = (values: Readonly<Record<string, readonly unknown[]>>, others: object): unknown[] =>
  Object.entries(values).flatMap(([name, list]) => list.map((value) => ({ ...others, [name]: value })));

const ofData: Readonly<Record<string, Call>> = {
  openDataset: {
    call: data.openDataset,
    valid: ["examples/images", {}],
    wrong: [
      [
        undefined,
        ...notFolders,
        ...tableOf(
          { path: notStrings, format: [null, 3, "parqet"], columns: notObjects, split: notStrings, nonsense: [1] },
          { path: "examples/images" },
        ),
        { path: "examples/images", columns: { caption: 3 } },
      ],
      wrongOptions<data.OpenOptions>({ signal: notSignals, onProgress: notFunctions }),
    ],
  },
  "dataset.texts": {
    call: (row: number) => dataset.texts(row),
    valid: [0],
    wrong: [[99, -1, 1.5, NaN, undefined, null, "0", {}]],
  },
  "dataset.images": {
    call: (row: number) => dataset.images(row),
    valid: [0],
    wrong: [[99, -1, 1.5, NaN, undefined, null, "0", {}]],
  },
  joinDatasets: {
    call: data.joinDatasets,
    valid: ["both", [dataset]],
    wrong: [notStrings, [undefined, null, 3, dataset, [3], [null], [{}]]],
  },
  prepareDataset: {
    call: data.prepareDataset,
    valid: ["f30k", prepareOptions],
    wrong: [
      [undefined, ...notStrings, "f30"],
      [
        undefined,
        ...notObjects,
        ...tableOf(
          {
            source: [undefined, ...notStrings],
            out: [undefined, ...notStrings],
            splits: [null, "val", [3], ["vla"]],
            shardSize: notCounts,
            rawAnswers: notBooleans,
            force: notBooleans,
            onProgress: notFunctions,
            signal: notSignals,
            nonsense: [1],
          },
          prepareOptions,
        ),
      ],
    ],
  },
  "new ImageThreads": {
    call: construct(data.ImageThreads),
    valid: [{}],
    wrong: [
      wrongOptions<data.ImageThreadsOptions>({ threads: notCounts, cores: notCounts, worker: [null, 3, "worker.js"] }),
    ],
  },
  "threads.process": {
    call: threads.process.bind(threads),
    valid: [job, {}],
    wrong: [
      [undefined, ...notObjects, ...tableOf({ source: [undefined, null, 3, {}] }, job)],
      [...notObjects, { signal: 3 }, { nonsense: 1 }],
    ],
  },
};

const ofTraining: Readonly<Record<string, Call>> = {
  evaluate: {
    call: evaluation.evaluate,
    valid: [{ ...evaluateOptions, limit: 1 }],
    wrong: [
      [
        undefined,
        ...notObjects,
        ...tableOf(
          {
            model: [undefined, ...notFolders],
            data: [undefined, null, 3, "examples/images", {}, { rows: 1 }],
            metrics: [null, "itm", ["itn"], [3]],
            seed: [null, -1, 1.5, "0"],
            limit: notCounts,
            captionsPerRow: notCounts,
            maxTextLength: notCounts,
            rankBy: [null, "distance", 3],
            candidates: notCounts,
            kTest: [null, -1, 1.5, "0"],
            contrastBatchSize: notCounts,
            falseTexts: notCounts,
            imageChunks: notCounts,
            textChunks: notCounts,
            transform: [null, 3, "blop", {}],
            answers: [null, 3, {}, [3]],
            onProgress: notFunctions,
            signal: notSignals,
            load: [...wrongOptions<LoadOptions>(wrongLoad), { withProcessor: true }],
            collective: [null, 3],
            nonsense: [1],
          } satisfies Record<keyof evaluation.EvaluateOptions | "nonsense", unknown[]>,
          evaluateOptions,
        ),
      ],
    ],
  },
  train: {
    call: training.train,
    valid: [trainSettings, {}],
    wrong: [
      [
        undefined,
        ...notObjects,
        ...tableOf(
          {
            output: [undefined, ...notStrings],
            start: [null, 3],
            max_steps: notCounts,
            data: [...notObjects, {}, { train: 3 }, { train: [{ texts: 3 }] }],
          },
          trainSettings,
        ),
      ],
      wrongOptions<training.TrainOptions>({
        ...wrongHub,
        modulesFrom: notStrings,
        collective: [null, 3],
        onStep: notFunctions,
        onLog: notFunctions,
        onValidation: notFunctions,
        onValidationProgress: notFunctions,
      }),
    ],
  },
  "new Learner": {
    call: construct(learning.Learner),
    valid: [values, settings],
    wrong: [
      [undefined, null, 3, {}, new Map(), new Map([...values].map(([name]) => [name, 3]))],
      [
        undefined,
        ...notObjects,
        ...tableOf(
          {
            config: [undefined, null, 3, {}],
            objectives: [undefined, null, 3, {}, { itn: 1 }],
            optimizer: [undefined, null, 3, {}],
            frozen: [null, "text_model.*", [3]],
            recompute: [null, "all"],
            accumulation: [null, "sum"],
            seed: [null, -1, "0"],
            collective: [null, 3],
            profile: notStrings,
            threads: notCounts,
            nonsense: [1],
          } satisfies Record<keyof learning.LearnerSettings | "nonsense", unknown[]>,
          settings,
        ),
      ],
    ],
  },
  "learner.step": {
    call: learner.step.bind(learner),
    valid: [0, [{}], {}],
    wrong: [
      [undefined, null, -1, 1.5, "0"],
      [undefined, null, 3, [], [3], [null], [{ input_ids: 3 }]],
      [...notObjects, { signal: 3 }, { nonsense: 1 }],
    ],
  },
  "learner.evaluate": {
    call: learner.evaluate.bind(learner),
    valid: [{}, {}],
    wrong: [
      [undefined, ...notObjects, { input_ids: 3 }],
      [...notObjects, { signal: 3 }, { nonsense: 1 }],
    ],
  },
  "learner.read": { call: learner.read.bind(learner), valid: [() => 1], wrong: [[undefined, ...notFunctions]] },
  "learner.restoreOptimizer": {
    call: learner.restoreOptimizer.bind(learner),
    valid: [new Map()],
    wrong: [
      [undefined, ...notObjects, new Map([["a", 3]]), new Map([...values].map(([name]) => [name, { m: 3, v: 3 }]))],
    ],
  },
};

const calls = { ...ofModel, ...ofApi, ...ofClasses, ...ofData, ...ofTraining };

test.each(Object.keys(calls))("%s refuses wrong arguments with an InputError", async (name) => {
  const { call, valid, wrong } = calls[name]!;
  const failures: string[] = [];
  for (const [position, list] of wrong.entries()) {
    for (const value of list) {
      const given = valid.slice();
      given[position] = value;
      const error = await errorOf(() => call(...(given as never[])));
      const isFine = error instanceof InputError && error.code in errorCodes && error.expected !== "";
      if (!isFine) failures.push(`argument ${position} ${shown(value)}: ${String(error)}`);
    }
  }
  expect(failures).toEqual([]);
});

test("the table has every method and every exported class and function", () => {
  const ownMethods = (prototype: object) =>
    Object.getOwnPropertyNames(prototype).filter((name) => !internal.has(name) && !/^get /.test(name));
  expect(Object.keys(ofModel).sort()).toEqual(ownMethods(api.BridgeTower.prototype).sort());
  const exported = Object.entries(api).filter(([, value]) => typeof value === "function");
  const known = Object.keys(calls).join(" ");
  const missing = exported.map(([name]) => name).filter((name) => !known.includes(name) && !excluded.has(name));
  expect(missing).toEqual([]);
});

/** Members of the prototype without arguments, or private. */
const internal = new Set([
  "constructor",
  "config",
  "dispose",
  "matchScores",
  "textEmbeddings",
  "imageEmbeddings",
  "pairEmbeddings",
  "begin",
  "answerList",
]);
/** Not calls: the error itself, an abstract base, and tensors, whose indices are checked as those of typed arrays. */
const excluded = new Set(["InputError", "PretrainedModel", "HostTensor"]);

function construct(constructor: unknown): (...given: never[]) => unknown {
  return (...given) => new (constructor as new (...given: never[]) => unknown)(...given);
}

async function errorOf(act: () => unknown): Promise<unknown> {
  try {
    await act();
    return "no error";
  } catch (error) {
    return error;
  }
}

async function entries(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const entry of stream) if (entry === undefined) return;
}

const shown = (value: unknown): string => {
  try {
    return `${typeof value} ${JSON.stringify(value)?.slice(0, 100)}`;
  } catch {
    return typeof value;
  }
};
