/**
 * The thread that owns ONNX Runtime's sessions: a session blocks its thread while it is compiled and while it runs. Plain
 * JavaScript, so that the same file starts from the sources and from the built package.
 */
import { parentPort } from "node:worker_threads";
import { env, InferenceSession, Tensor } from "onnxruntime-node";

/** @import { Request, Reply } from "./session-messages.js" */

// What goes wrong is thrown: the runtime's own lines on standard error would say it twice.
env.logLevel = "fatal";

/** @type {Map<number, InferenceSession>} */
const sessions = new Map();

/** @param {Exclude<Request, { call: "end" }>} request @returns {Promise<import("./session-messages.js").Values>} */
async function answer(request) {
  if (request.call === "compile") {
    sessions.set(request.session, await InferenceSession.create(request.model, request.options));
    return {};
  }
  const session = sessions.get(request.session);
  if (session === undefined) throw new Error("the session was released");
  if (request.call === "release") {
    sessions.delete(request.session);
    await session.release();
    return {};
  }
  /** @type {Record<string, import("onnxruntime-node").Tensor>} */
  const feeds = {};
  for (const [name, { type, data, dims }] of Object.entries(request.feeds)) feeds[name] = new Tensor(type, data, dims);
  const results = await session.run(feeds);
  return Object.fromEntries(
    Object.entries(results).map(([name, { type, data, dims }]) => [name, { type, data, dims }]),
  );
}

parentPort?.on("message", (/** @type {Request} */ request) => {
  if (request.call === "end") {
    parentPort?.close();
    return;
  }
  answer(request).then(
    (values) => {
      const buffers = new Set(
        Object.values(values).map(({ data }) => /** @type {Float32Array<ArrayBuffer>} */ (data).buffer),
      );
      parentPort?.postMessage(/** @type {Reply} */ ({ id: request.id, values }), [...buffers]);
    },
    (/** @type {unknown} */ error) => {
      const message = error instanceof Error ? error.message : String(error);
      parentPort?.postMessage(/** @type {Reply} */ ({ id: request.id, error: message }));
    },
  );
});
