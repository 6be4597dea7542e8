/** One listener for each signal: calls that share a signal are many, and Node warns of more than ten listeners. */
const callbacks = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `callback` once when the signal is aborted; never if it is aborted already.
 * @returns a function that removes the callback
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const entries = callbacksOf(signal);
  // A new function: the same callback may be given twice.
  const entry = () => callback();
  entries.add(entry);
  return () => void entries.delete(entry);
}

function callbacksOf(signal: AbortSignal): Set<() => void> {
  const known = callbacks.get(signal);
  if (known !== undefined) return known;
  const entries = new Set<() => void>();
  callbacks.set(signal, entries);
  signal.addEventListener("abort", () => entries.forEach((entry) => entry()), { once: true });
  return entries;
}

/**
 * Settles as `work` does, or rejects with the signal's reason as soon as the signal is aborted. The work itself is not stopped:
 * check the signal between its steps.
 */
export function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    const remove = onAbort(signal, abort);
    work.then(resolve, reject).finally(remove);
  });
}
