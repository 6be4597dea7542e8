/**
 * A worker of the optimizer: it keeps no state, works on the arrays transferred with each call and transfers all of them back. Plain
 * JavaScript, so that the same file starts from the sources and from the built package.
 */
import { parentPort } from "node:worker_threads";
import { adamw, momentum, moveAverage, muon, sumOfSquares } from "./kernels.js";

/** @import { Call, Reply, Request, TransferableArray } from "./optimizer-messages.js" */

/** @param {Call} request @returns {number[]} the requested sums */
function answer(request) {
  if (request.call === "sumsOfSquares") return request.arrays.map(({ gradients }) => sumOfSquares(gradients));
  if (request.call === "momentum") {
    for (const arrays of request.arrays) momentum(arrays, request.params);
    return [];
  }
  for (const [i, { optimizer, averageDecay }] of request.updates.entries()) {
    const arrays = request.arrays[i];
    if (arrays === undefined) throw new Error("an update without arrays");
    if ("muon" in optimizer) muon(arrays.values, arrays.v, optimizer.muon);
    else adamw(arrays, optimizer.adamw);
    if (arrays.average !== undefined && averageDecay !== undefined) {
      moveAverage(arrays.average, arrays.values, averageDecay);
    }
  }
  return [];
}

parentPort?.on("message", (/** @type {Request} */ request) => {
  if (request.call === "end") {
    parentPort?.close();
    return;
  }
  const { id, arrays } = request;
  /** @type {Reply} */
  let reply;
  try {
    reply = { id, arrays, sums: answer(request) };
  } catch (error) {
    reply = { id, arrays, sums: [], error: error instanceof Error ? error.message : String(error) };
  }
  const transferList = arrays.flatMap((one) => {
    /** @type {TransferableArray[]} */
    const all = Object.values(one);
    return all.map(({ buffer }) => buffer);
  });
  parentPort?.postMessage(reply, transferList);
});
