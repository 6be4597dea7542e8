/** Worker threads that answer calls, calls that end when they are aborted, and work that shares a thread or a limit. Imports nothing. */
export { abortable, onAbort } from "./abortable.js";
export { yieldToEventLoop } from "./event-loop.js";
export { Semaphore } from "./semaphore.js";
export { WorkerThread } from "./worker-thread.js";
