/** Worker threads that answer calls, and calls that end when they are aborted. Imports nothing. */
export { abortable, onAbort } from "./abortable.js";
export { WorkerThread } from "./worker-thread.js";
