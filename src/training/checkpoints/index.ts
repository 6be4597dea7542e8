/** Crash-safe checkpoint storage: a run survives being killed, a full disk and a power cut. */
export {
  findCheckpoints,
  pruneCheckpoints,
  type FoundCheckpoint,
  type FoundCheckpoints,
  type Keeping,
} from "./find-checkpoints.js";
export { lockRun } from "./run-lock.js";
export { publishModel } from "./publish.js";
export { checkpointName } from "./run-folder.js";
export { readRunCheckpoint, type ExpectedParameter, type RunCheckpoint } from "./read-checkpoint.js";
export { saveRunCheckpoint, type Moments, type SavedRun } from "./write-checkpoint.js";
export { readTrainerState, type TrainerState } from "./trainer-state.js";
