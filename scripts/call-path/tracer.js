/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return, @typescript-eslint/unbound-method -- values of any type pass through */
/**
 * Runs inside of the instrumented package (`call-path.ts`): follows the data of one image or text through calls, until it reaches
 * `session.run`. Every function of the package reports its calls here.
 *
 * A function is on the path if
 * - it was running when the data was posted to the session worker, or in the worker when `session.run` was called: it is in the
 *   chain of callers, across `await`; or
 * - it returned before, and gave the data back in a new form, or wrote it into another array, from which the input of the model
 *   was made in turn.
 *
 * Functions that only check the data, group it or pass it on unchanged are not on the path, unless they wait for the run.
 * Anonymous callbacks count as the function that they are written in.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { appendFileSync } from "node:fs";
import { isMainThread, Worker } from "node:worker_threads";

const { CALL_PATH_REPORT: report = "", CALL_PATH_DATA: start = "", CALL_PATH_INPUT: input = "" } = process.env;
/** Texts change their form as strings and lists of numbers too; images only as bytes and arrays. */
const isText = input === "input_ids";

/**
 * A call under way. A callback shares the data with the function that it is written in.
 * @typedef {{ id: string, caller: Frame | undefined, isCallback: boolean, received: Set<unknown>, obtained: Set<unknown> }} Frame
 */
/** @type {AsyncLocalStorage<Frame>} */
const frames = new AsyncLocalStorage();
/**
 * Every form of the data so far, with the functions that returned it, and the forms that it was made of.
 * @type {Map<unknown, { givers: Set<string>, from: Set<unknown> }>}
 */
const forms = new Map();
if (isMainThread) forms.set(start, { givers: new Set(), from: new Set() });
/** What the callbacks of a function received and obtained. @type {Map<string, Set<unknown>>} */
const ofCallbacks = new Map();
/** What all calls of a function obtained from others. @type {Map<string, Set<unknown>>} */
const obtainedBy = new Map();
/** What all calls of a function received. @type {Map<string, Set<unknown>>} */
const inputs = new Map();
/** The functions in the order in which they got the data. @type {Map<string, number>} */
const order = new Map();
let done = false;

/**
 * The arrays, buffers and, for texts, strings and lists of numbers in a value.
 * @param {unknown} value
 * @param {(form: unknown) => void} use
 * @param {number} depth
 */
function eachForm(value, use, depth = 0) {
  if (typeof value === "string") {
    if (isText || value === start) use(value);
    return;
  }
  if (typeof value !== "object" || value === null || depth > 5) return;
  if (ArrayBuffer.isView(value)) {
    if (value.byteLength > 0) use(value.buffer);
    return;
  }
  if (value instanceof ArrayBuffer) {
    use(value);
    return;
  }
  if (Array.isArray(value)) {
    if (isText && value.length > 0 && value.every((entry) => typeof entry === "number")) use(value);
    else for (const entry of value.slice(0, 32)) eachForm(entry, use, depth + 1);
    return;
  }
  if (value instanceof Promise || value instanceof Worker) return;
  const entries = value instanceof Map ? [...value].slice(0, 32) : Object.entries(value).slice(0, 32);
  for (const [, entry] of entries) eachForm(entry, use, depth + 1);
}

/** @param {string} id */
const touch = (id) => order.has(id) || order.set(id, order.size);

/**
 * The forms that a call was given, or got from calls of its own. A callback sees those of the function around it, and the
 * function those of its callbacks.
 * @param {Frame} frame
 */
const formsIn = ({ id, isCallback, received, obtained }) => {
  const others = isCallback ? [inputs.get(id), obtainedBy.get(id)] : [ofCallbacks.get(id)];
  return new Set([received, obtained, ...others].flatMap((set) => [...(set ?? [])]));
};

/** @param {Map<string, Set<unknown>>} sets @param {string} id @param {unknown} form */
const addTo = (sets, id, form) => sets.set(id, (sets.get(id) ?? new Set()).add(form));

/**
 * @param {string} id
 * @param {readonly unknown[]} args
 * @param {boolean} isCallback
 * @returns {Frame}
 */
function enter(id, args, isCallback) {
  const caller = frames.getStore();
  /** @type {Frame} */
  const frame = { id, caller, isCallback, received: new Set(), obtained: new Set() };
  if (done) return frame;
  for (const arg of args) {
    // In the worker, the data starts as the input of the request.
    if (!isMainThread) {
      eachForm(feedOf(arg), (form) => forms.has(form) || forms.set(form, { givers: new Set(), from: new Set() }));
    }
    // A new form that the caller made itself, without a call.
    if (caller !== undefined && (typeof arg !== "object" || Array.isArray(arg) || ArrayBuffer.isView(arg))) {
      eachForm(arg, (form) => {
        const from = forms.has(form) ? [] : formsIn(caller);
        if ([...from].length > 0) forms.set(form, { givers: new Set(), from: new Set(from) });
      });
    }
    eachForm(arg, (form) => {
      if (!forms.has(form)) return;
      frame.received.add(form);
      addTo(inputs, id, form);
      if (isCallback) addTo(ofCallbacks, id, form);
      touch(id);
    });
  }
  return frame;
}

/** @param {Frame} frame @param {unknown} result */
function give(frame, result) {
  if (done) return;
  const { id, caller } = frame;
  const from = formsIn(frame);
  eachForm(result, (form) => {
    if (from.size === 0 || inputs.get(id)?.has(form)) return;
    const made = forms.get(form) ?? { givers: new Set(), from };
    made.givers.add(id);
    forms.set(form, made);
    touch(id);
  });
  if (caller === undefined) return;
  eachForm(result, (form) => {
    if (!forms.has(form)) return;
    caller.obtained.add(form);
    addTo(obtainedBy, caller.id, form);
    if (caller.isCallback) addTo(ofCallbacks, caller.id, form);
  });
}

/** @param {any} message */
const feedOf = (message) => message?.feeds?.[input]?.data;

/**
 * @param {string} id
 * @param {readonly unknown[]} args
 * @param {boolean} isCallback
 * @param {() => unknown} body
 */
export function call(id, args, isCallback, body) {
  if (done) return body();
  const frame = enter(id, args, isCallback);
  const arrays = args.flatMap((arg) => (ArrayBuffer.isView(arg) || (isText && Array.isArray(arg)) ? [arg] : []));
  const before = arrays.map(checksum);
  const result = frames.run(frame, body);
  /** @param {unknown} value */
  const finished = (value) => {
    give(frame, value);
    // What was written into arrays of the caller.
    for (const [i, array] of arrays.entries()) {
      if (!done && checksum(array) !== before[i]) write(frame, Array.isArray(array) ? array : array.buffer);
    }
    return value;
  };
  return result instanceof Promise ? result.then(finished) : finished(result);
}

/** Changes with the content of an array, as far as a sample shows. @param {ArrayBufferView | unknown[]} array */
function checksum(array) {
  if (Array.isArray(array)) return array.length;
  const { buffer, byteOffset, byteLength } = array;
  // A detached array has no bytes.
  if (byteLength === 0) return 0;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const step = Math.max(1, Math.floor(byteLength / 4096));
  let sum = 0;
  for (let i = 0; i < byteLength; i += step) sum = (Math.imul(sum, 31) + (bytes[i] ?? 0)) | 0;
  return sum;
}

/** @param {Frame} frame @param {unknown} form */
function write(frame, form) {
  const made = forms.get(form) ?? { givers: new Set(), from: new Set() };
  const from = formsIn(frame);
  if (from.size === 0) return;
  for (const source of from) if (source !== form) made.from.add(source);
  made.givers.add(frame.id);
  forms.set(form, made);
  touch(frame.id);
}

/**
 * @param {string} id
 * @param {readonly unknown[]} args
 * @param {boolean} isCallback
 * @param {Iterator<unknown>} body
 */
export function* generate(id, args, isCallback, body) {
  const frame = enter(id, args, isCallback);
  for (;;) {
    const { value, done } = frames.run(frame, () => body.next());
    give(frame, value);
    if (done) return value;
    yield value;
  }
}

/**
 * @param {string} id
 * @param {readonly unknown[]} args
 * @param {boolean} isCallback
 * @param {AsyncIterator<unknown>} body
 */
export async function* generateAsync(id, args, isCallback, body) {
  const frame = enter(id, args, isCallback);
  for (;;) {
    const { value, done } = await frames.run(frame, () => body.next());
    give(frame, value);
    if (done) return value;
    yield value;
  }
}

/**
 * The data has arrived: writes the functions on the path, in the order in which they got the data.
 * @param {unknown} input
 */
function finish(input) {
  done = true;
  /** @type {Set<string>} */
  const path = new Set();
  const sources = new Set([input]);
  for (const form of sources) {
    const { givers = [], from = [] } = forms.get(form) ?? {};
    for (const id of givers) path.add(id);
    for (const source of from) sources.add(source);
  }
  const callers = [];
  for (let frame = frames.getStore(); frame !== undefined; frame = frame.caller) callers.unshift(frame.id);
  let last = -1;
  for (const id of callers) {
    // After its caller, also if it got other data before.
    last = Math.max(last + 0.001, order.get(id) ?? order.size);
    order.set(id, last);
    path.add(id);
  }
  const functions = [...path].sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
  appendFileSync(report, `${JSON.stringify({ isMainThread, functions })}\n`);
}

if (isMainThread) {
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (/** @type {any[]} */ ...args) {
    const feed = feedOf(args[0]);
    if (!done && feed !== undefined && forms.has(feed.buffer)) finish(feed.buffer);
    return Reflect.apply(post, this, args);
  };
} else {
  const { InferenceSession } = await import("onnxruntime-node");
  const create = InferenceSession.create.bind(InferenceSession);
  InferenceSession.create = /** @type {typeof create} */ (
    async (/** @type {Parameters<typeof create>} */ ...args) => {
      const session = await create(...args);
      const run = session.run.bind(session);
      session.run = /** @type {typeof run} */ (
        (/** @type {any} */ feeds, /** @type {any} */ fetches) => {
          if (!done && input in feeds) finish(feeds[input].data.buffer);
          return run(feeds, fetches);
        }
      );
      return session;
    }
  );
}
