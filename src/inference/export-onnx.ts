/** Writes the model as ONNX files: the whole of it, and its sub-graphs, over one shared file of weights. */
import { replaceFiles, statRegular, writeAtomically } from "../files/index.js";
import { join } from "node:path";
import { callbackType, checkArgument, checkOptions, stringType } from "../arguments.js";
import { hubOptions, readSafetensors, resolveModel, writeSafetensors, type HubOptions } from "../checkpoint/index.js";
import { parametersOf, writeOnnx, type LocatedTensor, type Parameter, type StoredTensor } from "../graph/index.js";
import { nativeImage, type BridgeTowerConfig, type Head } from "../model/index.js";
import { comparisonGraph, fusionGraph, imageGraph, pairGraph, textGraph, type Outputs } from "./sub-graphs.js";
import type { Progress } from "./bridgetower-tasks.js";
import { reportNotes } from "../conversion/index.js";
import { openModelFolder } from "./open-model.js";
import { bindWeights, headsIn } from "./weights.js";

export interface ExportedFile {
  readonly file: string;
  readonly bytes: number;
  /** Names of the graph's inputs and outputs; none for the file of weights. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Holds the weights of all ONNX files beside it. */
const weightsFile = "weights.safetensors";

/** All files of an export. Each graph needs the weights alone. */
const exportedFiles: readonly string[] = [
  weightsFile,
  ...["model", "vision", "text", "fusion", "second-vision", "comparison"].map((name) => `${name}.onnx`),
];

/**
 * Writes `model.onnx` (whole), `vision.onnx`, `text.onnx`, `fusion.onnx` and `weights.safetensors` into a folder. The
 * outputs of `vision.onnx` and `text.onnx` are the inputs of `fusion.onnx` under the same names; `batch` and `text` are
 * dynamic, the image size is the checkpoint's. Each head that the checkpoint has gives its outputs. A head over two images
 * (NLVR2) adds `second-vision.onnx`, for the second image, and `comparison.onnx`, over the fusion's pooled outputs for both. Files of an
 * earlier export are replaced or removed; a failure leaves them unchanged.
 * @throws InputError when the checkpoint is broken or the folder cannot be written; `signal.reason` when aborted
 * @example
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const files = await exportOnnx("models/emoji", await mkdtemp(join(tmpdir(), "onnx-")));
 * console.log(files.some(({ file }) => file.endsWith("model.onnx"))); // true
 */
export async function exportOnnx(
  idOrFolder: string,
  folder: string,
  options: HubOptions & Progress = {},
): Promise<ExportedFile[]> {
  checkArgument("folder", folder, stringType);
  checkOptions("exportOnnx", options, { ...hubOptions, onProgress: callbackType });
  const { onProgress, ...hub } = options;
  const source = await resolveModel(idOrFolder, hub);
  const { config, checkpoint } = await openModelFolder(source);
  reportNotes(checkpoint, hub.onWarning);
  const heads = headsIn(checkpoint, config);
  const { lookup } = bindWeights(checkpoint, config, heads);
  const graphs = Object.entries(exportedGraphs(config, heads));
  const total = graphs.length + 1;

  const parameters = graphs.flatMap(([, outputs]) => parametersOf(outputs));
  const files: ExportedFile[] = [];
  const write = async (unfinished: string) => {
    // Each graph has its own parameter nodes: one name is written once.
    const weights = join(unfinished, weightsFile);
    await writeSafetensors(weights, new Map(parameters.map((p) => [p.name, lookup(p)])), { signal: hub.signal });
    const { size } = await statRegular(weights);
    files.push({ file: join(folder, weightsFile), bytes: size, inputs: [], outputs: [] });
    await onProgress?.(1, total);
    const written = await readSafetensors(weights);
    for (const [name, outputs] of graphs) {
      hub.signal?.throwIfAborted();
      const { bytes, inputs } = writeOnnx(outputs, { locate: (parameter) => located(parameter, written) });
      const file = `${name}.onnx`;
      await writeAtomically(join(unfinished, file), async (handle) => handle.writeFile(bytes));
      files.push({
        file: join(folder, file),
        bytes: bytes.length,
        inputs: inputs.map((input) => input.name),
        outputs: Object.keys(outputs),
      });
      await onProgress?.(files.length, total);
    }
  };
  await replaceFiles(folder, exportedFiles, write, { signal: hub.signal });
  return files;
}

function exportedGraphs(config: BridgeTowerConfig, heads: readonly Head[]): Readonly<Record<string, Outputs>> {
  const whole = pairGraph(config, { image: nativeImage(config) });
  const { text: text_features, image: image_features } = whole.levels.at(-1)!;
  const [vision, text, fusion] = [imageGraph(config), textGraph(config), fusionGraph(config)];
  const comparison = comparisonGraph(config, heads);
  return {
    model: { text_features, image_features, pooler_output: whole.pooler_output, ...whole.heads(...heads) },
    vision: { ...vision.state(), ...vision.heads(heads) },
    text: { ...text.state(), ...text.heads(heads) },
    fusion: { ...fusion.state(), ...fusion.heads(heads) },
    ...(Object.keys(comparison).length === 0
      ? {}
      : { "second-vision": imageGraph(config, { type: 2 }).state(), comparison }),
  };
}

function located({ name }: Parameter, written: ReadonlyMap<string, StoredTensor>): LocatedTensor {
  const { dtype, shape, data } = written.get(name)!;
  if (data instanceof Uint8Array) return { dtype, shape, bytes: data };
  return { dtype, shape, bytes: { location: weightsFile, offset: data.offset, length: data.length } };
}
