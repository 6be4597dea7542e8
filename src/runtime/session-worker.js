/**
 * The session worker: the thread that owns ONNX Runtime's sessions, because a session blocks its thread while it is compiled
 * and while it runs. Plain JavaScript, so that the same file starts from the sources and from the built package.
 */
import { parentPort } from "node:worker_threads";
import { env, InferenceSession, Tensor } from "onnxruntime-node";

/** @import { Answer, ArrayRows, ArrayView, ArrayViews, Reply, Request, TransferredArrays, Values } from "./session-messages.js" */
/** @typedef {import("onnxruntime-node").InferenceSession.OnnxValueMapType} Results */

// Errors are thrown: the runtime's own lines on standard error would repeat them.
env.logLevel = "fatal";

/** @type {Map<number, { session: InferenceSession, views: ArrayViews }>} */
const sessions = new Map();

/** @type {TransferredArrays} */
const noArrays = { parameters: {}, gradients: {} };

// eslint-disable-next-line @typescript-eslint/no-misused-promises -- it answers with what it catches
parentPort?.on("message", answer);

/** @param {Request} request */
async function answer(request) {
  if (request.call === "end") {
    parentPort?.close();
    return;
  }
  const arrays = request.call === "run" ? request.arrays : undefined;
  /** @type {Answer} */
  let answered = { values: {} };
  try {
    if (request.call === "run") {
      const { session, views } = compiled(request.session);
      const { feeds, fetches } = tensorsOf(request.feeds, session.outputNames, views, arrays);
      const results = await session.run(feeds, fetches);
      addRows(views.rows, results, arrays?.gradients ?? {});
      answered = { values: outputsOf(results, views) };
    } else {
      await manage(request);
    }
  } catch (error) {
    answered = { error: error instanceof Error ? error.message : String(error) };
  }
  const values = "values" in answered ? Object.values(answered.values) : [];
  const buffers = values.map(({ data }) => /** @type {Float32Array<ArrayBuffer>} */ (data).buffer);
  const { parameters, gradients } = arrays ?? noArrays;
  for (const { buffer } of Object.values(parameters).concat(Object.values(gradients))) buffers.push(buffer);
  /** @type {Reply} */
  const reply = { id: request.id, ...answered, ...(arrays === undefined ? {} : { arrays }) };
  parentPort?.postMessage(reply, [...new Set(buffers)]);
}

/**
 * Creates or frees a session.
 * @param {Exclude<Request, { call: "end" | "run" }>} request
 */
async function manage(request) {
  if (request.call === "compile") {
    const session = await InferenceSession.create(request.model, request.options);
    sessions.set(request.session, { session, views: request.views ?? { parameters: [], gradients: [], rows: [] } });
  } else if (request.call === "release") {
    const { session } = compiled(request.session);
    sessions.delete(request.session);
    await session.release();
  }
}

/** @param {number} number */
function compiled(number) {
  const found = sessions.get(number);
  if (found === undefined) throw new Error("the session was released");
  return found;
}

/**
 * Inputs and outputs of a run. An output with a tensor is written into its memory; `null` lets the runtime allocate it.
 * @param {Values} values
 * @param {readonly string[]} outputNames
 * @param {ArrayViews} views
 * @param {TransferredArrays | undefined} arrays
 */
function tensorsOf(values, outputNames, views, arrays = noArrays) {
  /** @type {Record<string, import("onnxruntime-node").Tensor>} */
  const feeds = {};
  for (const [name, { type, data, dims }] of Object.entries(values)) feeds[name] = new Tensor(type, data, dims);
  for (const view of views.parameters) feeds[view.name] = viewOf(view, arrays.parameters);
  /** @type {Record<string, import("onnxruntime-node").Tensor | null>} */
  const fetches = Object.fromEntries(outputNames.map((name) => [name, null]));
  for (const view of views.gradients) fetches[view.name] = viewOf(view, arrays.gradients);
  return { feeds, fetches };
}

/** @param {ArrayView} view @param {TransferredArrays["parameters"]} arrays */
function viewOf({ array, firstElement, dims }, arrays) {
  const length = dims.reduce((product, size) => product * size, 1);
  const whole = arrays[array];
  if (whole === undefined) throw new Error(`${array} was not transferred`);
  return new Tensor("float32", whole.subarray(firstElement, firstElement + length), dims);
}

/**
 * Sums up rows in tables that are zero elsewhere.
 * @param {readonly ArrayRows[]} parts
 * @param {Results} results
 * @param {TransferredArrays["gradients"]} arrays
 */
function addRows(parts, results, arrays) {
  for (const name of new Set(parts.map(({ array }) => array))) arrays[name]?.fill(0);
  for (const part of parts) {
    const table = arrays[part.array];
    const values = /** @type {Float32Array} */ (results[part.values]?.data);
    const rows = /** @type {BigInt64Array} */ (results[part.rows]?.data);
    if (table === undefined) throw new Error(`${part.array} was not transferred`);
    const width = values.length / rows.length;
    rows.forEach((row, i) => {
      const start = Number(row) * width;
      for (let k = 0; k < width; k++) table[start + k] = (table[start + k] ?? 0) + (values[i * width + k] ?? 0);
    });
  }
}

/**
 * The outputs that were not written into transferred arrays.
 * @param {Results} results
 * @param {ArrayViews} views
 * @returns {Values}
 */
function outputsOf(results, { gradients, rows }) {
  const written = new Set([...gradients.map(({ name }) => name), ...rows.flatMap((part) => [part.values, part.rows])]);
  return Object.fromEntries(
    Object.entries(results)
      .filter(([name]) => !written.has(name))
      .map(([name, { type, data, dims }]) => [name, { type, data, dims }]),
  );
}
