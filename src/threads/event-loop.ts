/** Long computations in slices of a few milliseconds, between which the event loop runs. */

/** Computations pause when the last turn of the event loop was so long ago. */
const maxSliceMs = 5;

// There is one event loop for all computations of a thread.
let lastTurn = -Infinity;
let queue: Promise<void> = Promise.resolve();

/**
 * Awaited in a long computation after each piece of about a millisecond, so that timers, I/O and other calls are not delayed: lets the event
 * loop run if the last turn was some milliseconds ago. Computations take turns: one runs in each turn, however many are under way.
 * @example
 * for (const row of rows) {
 *   normalise(row);
 *   await yieldToEventLoop();
 * }
 */
export function yieldToEventLoop(): Promise<void> | undefined {
  if (performance.now() - lastTurn <= maxSliceMs) return undefined;
  queue = queue
    .then(() => new Promise((resolve) => setImmediate(resolve)))
    .then(() => void (lastTurn = performance.now()));
  return queue;
}
