/** Images read, decoded and transformed in threads, ahead of the step that needs them. */
export { type ImageJob, ImageThreads, type ImageThreadsOptions } from "./image-threads.js";
