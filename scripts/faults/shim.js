/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call -- arguments of any call pass through */
/**
 * Records the calls of the file system of a process and its worker threads, and makes some of them fail: `node --import …/shim.js`. Controlled
 * by the JSON plan in the environment variable `FAULT_PLAN`, or in this process by `configure`.
 */
import { appendFileSync } from "node:fs";
import fs from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { devNull } from "node:os";
import { basename, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import workerThreads from "node:worker_threads";

/**
 * A call that fails.
 * @typedef {object} Fault
 * @property {string} op   name of the call, such as `open` or `handle.write`; `message` for one to a worker thread
 * @property {string} path below the root, as in the record; of a message, the name of the worker's file
 * @property {number} nth  of the calls with this name and path, from 1
 * @property {string} kind an error code; `short`: a read or write of a third of the bytes; `clock`: the clock jumps by `amount` ms;
 *   `fill`: the disk is full after `amount` more bytes; `end`: the worker thread ends instead of getting the message
 * @property {number} [amount]
 * @property {boolean} [lasting] whether all later calls of the same name fail too
 */
/**
 * @typedef {object} Plan
 * @property {string} root       calls on other paths pass
 * @property {string} [record]   file that gets a line of JSON for each call
 * @property {readonly Fault[]} [faults]
 */

/** @type {Plan | undefined} */
let plan = process.env.FAULT_PLAN === undefined ? undefined : JSON.parse(process.env.FAULT_PLAN);
/** @type {Map<string, number>} */
let counts = new Map();
/** @type {Map<string, Fault>} */
let lasting = new Map();
let bytesLeft = Infinity;
let clockOffset = 0;
let injected = 0;

/**
 * Replaces the plan of this process, and of the worker threads that it starts from now on.
 * @param {Plan | undefined} next
 */
export function configure(next) {
  plan = next;
  if (next === undefined) delete process.env.FAULT_PLAN;
  else process.env.FAULT_PLAN = JSON.stringify(next);
  counts = new Map();
  lasting = new Map();
  bytesLeft = Infinity;
  clockOffset = 0;
  injected = 0;
}

/** The number of faults since `configure`, in this thread. */
export const injectedFaults = () => injected;

/** Random parts of hidden names, which differ between runs. */
const randomParts = [
  [/\.[0-9a-f]{8}-\d+-[0-9a-f]{8}-[0-9a-f]{8}\./g, ".TAG."],
  [/(\.checkpoint-\d+\.)[0-9a-f]{12}\./g, "$1TAG."],
  [/free-[0-9a-f]{8}/g, "free-TAG"],
  [/\.[0-9a-f]{24}\.takeover/g, ".TAG.takeover"],
  [/tfevents\.[\w.-]+/g, "tfevents.TAG"],
];

/**
 * The path below the root; undefined for others.
 * @param {unknown} value
 */
function below(value) {
  if (plan === undefined) return undefined;
  const text = value instanceof URL ? fileURLToPath(value) : value;
  if (typeof text !== "string") return undefined;
  const path = resolve(text);
  if (path !== plan.root && !path.startsWith(plan.root + sep)) return undefined;
  let name = path.slice(plan.root.length + 1) || ".";
  for (const [pattern, replacement] of randomParts)
    name = name.replace(/** @type {RegExp} */ (pattern), String(replacement));
  return name;
}

/**
 * Counts a call, and gives the fault that it meets.
 * @param {string} op
 * @param {string} path
 * @returns {Fault | undefined}
 */
function meet(op, path) {
  const key = `${op} ${path}`;
  const nth = (counts.get(key) ?? 0) + 1;
  counts.set(key, nth);
  if (plan?.record !== undefined) appendFileSync(plan.record, `${JSON.stringify({ op, path, nth })}\n`);
  const fault = plan?.faults?.find((one) => one.op === op && one.path === path && one.nth === nth) ?? lasting.get(op);
  if (fault === undefined) return undefined;
  injected++;
  if (fault.lasting === true) lasting.set(op, fault);
  if (fault.kind === "clock") clockOffset += fault.amount ?? 0;
  if (fault.kind === "fill") bytesLeft = fault.amount ?? 0;
  return fault;
}

/**
 * @param {string} code
 * @param {string} op
 * @param {string} path
 */
function failure(code, op, path) {
  const syscall = op.replace(/^handle\./, "");
  return Object.assign(new Error(`${code}: injected, ${syscall} '${path}'`), { code, errno: -1, syscall, path });
}

/** @param {Fault | undefined} fault */
const isError = (fault) => fault !== undefined && /^E[A-Z]+$/.test(fault.kind);

const byPath = {
  open: 0,
  stat: 0,
  lstat: 0,
  readdir: 0,
  realpath: 0,
  readFile: 0,
  access: 0,
  statfs: 0,
  mkdir: 0,
  rm: 0,
  rmdir: 0,
  unlink: 0,
  rename: 1,
  link: 1,
  symlink: 1,
  copyFile: 1,
  writeFile: 0,
  appendFile: 0,
};

/** @type {WeakMap<object, string>} */
const handlePaths = new WeakMap();
/** @type {Map<number, string>} */
const descriptorPaths = new Map();

/** @param {unknown} data */
const sizeOf = (data) =>
  typeof data === "string" ? Buffer.byteLength(data) : ArrayBuffer.isView(data) ? data.byteLength : 0;

for (const [name, index] of Object.entries(byPath)) {
  const original = /** @type {any} */ (promises)[name];
  /** @param {any[]} args */
  const patched = async (...args) => {
    const path = below(args[index]);
    if (path === undefined) return original.apply(promises, args);
    const fault = meet(name, path);
    if (isError(fault)) throw failure(fault?.kind ?? "", name, String(args[index]));
    if (name === "writeFile" || name === "appendFile") takeRoom(sizeOf(args[1]), name, String(args[index]));
    const result = await original.apply(promises, args);
    if (name === "open") handlePaths.set(result, path);
    return result;
  };
  Object.assign(promises, { [name]: patched });
}

/**
 * Takes bytes of the disk. @throws ENOSPC
 * @param {number} bytes
 * @param {string} op
 * @param {string} path
 */
function takeRoom(bytes, op, path) {
  if (bytes > bytesLeft) {
    bytesLeft = 0;
    injected++;
    throw failure("ENOSPC", op, path);
  }
  bytesLeft -= bytes;
}

const probe = await promises.open(devNull, "r");
const prototype = Object.getPrototypeOf(probe);
await probe.close();
for (const name of ["read", "readFile", "write", "writeFile", "appendFile", "sync", "truncate", "stat", "close"]) {
  const original = prototype[name];
  /** @type {(this: any, ...args: any[]) => Promise<any>} */
  prototype[name] = async function (...args) {
    const path = handlePaths.get(this);
    if (path === undefined || plan === undefined) return original.apply(this, args);
    const op = `handle.${name}`;
    const fault = meet(op, path);
    if (isError(fault)) {
      // A handle is closed also if the system reports an error.
      if (name === "close") await original.apply(this, args);
      throw failure(fault?.kind ?? "", op, path);
    }
    if (name === "write") {
      const length = args[2] ?? sizeOf(args[0]) - (args[1] ?? 0);
      if (fault?.kind === "short") return original.call(this, args[0], args[1] ?? 0, third(length), args[3]);
      takeRoom(length, op, path);
    }
    if (name === "writeFile" || name === "appendFile") takeRoom(sizeOf(args[0]), op, path);
    if (name === "read" && fault?.kind === "short" && ArrayBuffer.isView(args[0])) {
      const [buffer, offset = 0, length = buffer.byteLength - offset, position] = args;
      return original.call(this, buffer, offset, third(length), position);
    }
    return original.apply(this, args);
  };
}

/** @param {number} length */
const third = (length) => Math.max(1, Math.floor(length / 3));

// Streams call these.
const { open, read } = fs;
/** @param {any[]} args */
const openPatched = (...args) => {
  const path = below(args[0]);
  if (path === undefined) return /** @type {any} */ (open)(...args);
  const fault = meet("open", path);
  const done = args.pop();
  if (isError(fault)) return process.nextTick(done, failure(fault?.kind ?? "", "open", String(args[0])));
  return /** @type {any} */ (open)(...args, (/** @type {unknown} */ error, /** @type {number} */ descriptor) => {
    if (error === null) descriptorPaths.set(descriptor, path);
    done(error, descriptor);
  });
};
/** @param {any[]} args */
const readPatched = (...args) => {
  const path = descriptorPaths.get(args[0]);
  if (path === undefined || plan === undefined) return /** @type {any} */ (read)(...args);
  const fault = meet("read", path);
  const done = args.at(-1);
  if (isError(fault)) return process.nextTick(done, failure(fault?.kind ?? "", "read", path));
  if (fault?.kind === "short" && typeof args[3] === "number") args[3] = third(args[3]);
  return /** @type {any} */ (read)(...args);
};
Object.assign(fs, { open: openPatched, read: readPatched });
const { close } = fs;
Object.assign(fs, {
  /** @param {number} descriptor @param {any} done */
  close: (descriptor, done) => {
    descriptorPaths.delete(descriptor);
    return close(descriptor, done);
  },
});

for (const name of ["readFileSync", "openSync", "statSync", "readdirSync", "writeFileSync"]) {
  const original = /** @type {any} */ (fs)[name];
  /** @param {any[]} args */
  const patched = (...args) => {
    const path = below(args[0]);
    if (path === undefined) return original(...args);
    const fault = meet(name, path);
    if (isError(fault)) throw failure(fault?.kind ?? "", name, String(args[0]));
    return original(...args);
  };
  Object.assign(fs, { [name]: patched });
}

const RealDate = Date;
class ShiftedDate extends RealDate {
  /** @param {any[]} args */
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + clockOffset);
    else super(.../** @type {[number]} */ (args));
  }
}
Object.assign(ShiftedDate, { now: () => RealDate.now() + clockOffset });
globalThis.Date = /** @type {DateConstructor} */ (/** @type {unknown} */ (ShiftedDate));

const { Worker } = workerThreads;

/** @type {Set<WatchedWorker>} */
const running = new Set();

/** Ends the worker threads that the end of a process would end, each after its current call. */
export const endThreads = () => Promise.all([...running].map((thread) => thread.end()));

class WatchedWorker extends Worker {
  /** @param {string | URL} file @param {import("node:worker_threads").WorkerOptions} [options] */
  constructor(file, options) {
    // The package gives its workers no flags of the process.
    super(file, { ...options, execArgv: ["--import", import.meta.url] });
    this.file = String(file);
    running.add(this);
    this.ended = new Promise((resolve) => {
      this.once("exit", () => {
        running.delete(this);
        resolve(undefined);
      });
    });
  }

  /** @override @param {any} message @param {any} [transfer] */
  postMessage(message, transfer) {
    // A thread cannot be terminated inside of native code without ending the process.
    const isLost = plan !== undefined && meet("message", basename(this.file))?.kind === "end";
    super.postMessage(isLost ? { call: "end" } : message, isLost ? [] : transfer);
  }

  async end() {
    super.postMessage({ call: "end" });
    this.ref();
    await this.ended;
  }
}
Object.assign(workerThreads, { Worker: WatchedWorker });
syncBuiltinESMExports();
