/**
 * The thread that owns ONNX Runtime's sessions: a session blocks its thread while it is compiled and while it runs. Plain
 * JavaScript, so that the same file starts from the sources and from the built package.
 */
import { parentPort } from "node:worker_threads";
import { env, InferenceSession, Tensor } from "onnxruntime-node";

/** @import { Answer, Lent, LentRows, LentView, LentViews, Reply, Request, Values } from "./session-messages.js" */

// What goes wrong is thrown: the runtime's own lines on standard error would say it twice.
env.logLevel = "fatal";

/** @typedef {{ session: InferenceSession, views: LentViews }} Compiled */

/** @type {Map<number, Compiled>} */
const sessions = new Map();

/** @param {LentView} view @param {Lent["parameters"]} arrays */
function viewOf({ array, firstElement, dims }, arrays) {
  const length = dims.reduce((product, size) => product * size, 1);
  const whole = arrays[array];
  if (whole === undefined) throw new Error(`${array} was not lent`);
  return new Tensor("float32", whole.subarray(firstElement, firstElement + length), dims);
}

/**
 * Sums up rows in tables that are zero elsewhere.
 * @param {readonly LentRows[]} parts
 * @param {import("onnxruntime-node").InferenceSession.OnnxValueMapType} results
 * @param {Lent["gradients"]} arrays
 */
function addRows(parts, results, arrays) {
  for (const name of new Set(parts.map(({ array }) => array))) arrays[name]?.fill(0);
  for (const part of parts) {
    const table = arrays[part.array];
    const values = /** @type {Float32Array} */ (results[part.values]?.data);
    const rows = /** @type {BigInt64Array} */ (results[part.rows]?.data);
    if (table === undefined) throw new Error(`${part.array} was not lent`);
    const width = values.length / rows.length;
    rows.forEach((row, i) => {
      const start = Number(row) * width;
      for (let k = 0; k < width; k++) table[start + k] = (table[start + k] ?? 0) + (values[i * width + k] ?? 0);
    });
  }
}

/** @param {Exclude<Request, { call: "end" }>} request @returns {Promise<Values>} */
async function answer(request) {
  if (request.call === "load") return {};
  if (request.call === "compile") {
    const session = await InferenceSession.create(request.model, request.options);
    sessions.set(request.session, { session, views: request.views ?? { parameters: [], gradients: [], rows: [] } });
    return {};
  }
  const compiled = sessions.get(request.session);
  if (compiled === undefined) throw new Error("the session was released");
  const { session, views } = compiled;
  if (request.call === "release") {
    sessions.delete(request.session);
    await session.release();
    return {};
  }
  /** @type {Record<string, import("onnxruntime-node").Tensor>} */
  const feeds = {};
  for (const [name, { type, data, dims }] of Object.entries(request.feeds)) feeds[name] = new Tensor(type, data, dims);
  const { parameters, gradients } = request.lent ?? { parameters: {}, gradients: {} };
  for (const view of views.parameters) feeds[view.name] = viewOf(view, parameters);
  /** @type {Record<string, import("onnxruntime-node").Tensor | null>} */
  const fetches = Object.fromEntries(session.outputNames.map((name) => [name, null]));
  for (const view of views.gradients) fetches[view.name] = viewOf(view, gradients);
  const results = await session.run(feeds, fetches);
  addRows(views.rows, results, gradients);
  const kept = new Set(views.rows.flatMap(({ values, rows }) => [values, rows]));
  return Object.fromEntries(
    Object.entries(results)
      .filter(([name]) => fetches[name] === null && !kept.has(name))
      .map(([name, { type, data, dims }]) => [name, { type, data, dims }]),
  );
}

parentPort?.on("message", (/** @type {Request} */ request) => {
  if (request.call === "end") {
    parentPort?.close();
    return;
  }
  const lent = request.call === "run" ? request.lent : undefined;
  const arrays = Object.values(lent?.parameters ?? {}).concat(Object.values(lent?.gradients ?? {}));
  /** @param {Answer} answered @param {readonly { buffer: ArrayBuffer }[]} moved */
  const reply = (answered, moved) => {
    /** @type {Reply} */
    const message = { id: request.id, ...answered, ...(lent === undefined ? {} : { lent }) };
    parentPort?.postMessage(message, [...new Set(moved.concat(arrays).map(({ buffer }) => buffer))]);
  };
  answer(request).then(
    (values) =>
      reply(
        { values },
        Object.values(values).map(({ data }) => /** @type {Float32Array<ArrayBuffer>} */ (data)),
      ),
    (/** @type {unknown} */ error) => reply({ error: error instanceof Error ? error.message : String(error) }, []),
  );
});
