/** Worker threads that answer calls. Imports nothing. */
export { WorkerThread } from "./worker-thread.js";
