/** Pictures read, decoded and transformed in threads, ahead of the step that needs them. */
export { type PictureJob, PictureThreads, type PictureThreadsOptions } from "./image-threads.js";
