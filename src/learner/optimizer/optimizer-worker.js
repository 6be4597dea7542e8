/**
 * A thread of the optimizer: it keeps nothing, works on the arrays lent with each call and gives all of them back. Plain JavaScript, so
 * that the same file starts from the sources and from the built package.
 */
import { parentPort } from "node:worker_threads";
import { adamw, momentum, move, moveAverage, sumOfSquares } from "./kernels.js";
import { lentBuffers } from "./transferred-arrays.js";

/** @import { Call, Reply, Request } from "./optimizer-messages.js" */

/** @param {Call} request @returns {number[]} the sums asked for */
function answer(request) {
  if (request.call === "sumsOfSquares") return request.loans.map(({ gradients }) => sumOfSquares(gradients));
  if (request.call === "momentum") {
    for (const loan of request.loans) momentum(loan, request.step);
    return [];
  }
  for (const [i, { step, averageDecay }] of request.updates.entries()) {
    const loan = request.loans[i];
    if (loan === undefined) throw new Error("an update without arrays");
    if (step.form === "muon") move(loan.values, loan.v, step);
    else adamw(loan, step);
    if (loan.average !== undefined && averageDecay !== undefined) moveAverage(loan.average, loan.values, averageDecay);
  }
  return [];
}

parentPort?.on("message", (/** @type {Request} */ request) => {
  if (request.call === "end") {
    parentPort?.close();
    return;
  }
  const { id, loans } = request;
  /** @type {Reply} */
  let reply;
  try {
    reply = { id, loans, sums: answer(request) };
  } catch (error) {
    reply = { id, loans, sums: [], error: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(reply, lentBuffers(loans));
});
