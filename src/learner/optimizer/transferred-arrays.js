/** @import { Loan } from "./optimizer-messages.js" */

/**
 * The memory behind loans, to be moved with them to the other thread.
 *
 * @param {readonly Loan[]} loans
 * @returns {ArrayBuffer[]}
 */
export function lentBuffers(loans) {
  return loans.flatMap(({ gradients, values, m, v, average }) =>
    [gradients, values, m, v, average].flatMap((array) => array?.buffer ?? []),
  );
}
