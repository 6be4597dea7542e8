/** Files <-> named tensors, and models from the hub. */

export { answerList, answerListName, readAnswerList } from "./answer-list.js";
export { type Checkpoint, openCheckpoint } from "./checkpoint.js";
export { hubOptions, type HubOptions, type HubProgress } from "./hub-settings.js";

export { ForeignObject } from "./pickle.js";
export { modelFiles, tokenizerNames } from "./model-files.js";
export { resolveModel } from "./resolve-model.js";
export { roundedTensor, type WeightDType } from "./rounded-tensor.js";
export { refuseQuantized } from "./refused-weights.js";
export { readSafetensors } from "./safetensors.js";
export { describeTorchValue, findStateDict, notStateDict, stateDictNotes } from "./state-dict.js";
export { readTensor } from "./tensor-values.js";
export { type TorchFileOptions, TorchTensor, type TorchValue, readTorchFile } from "./torch-file.js";
export { type WritableTensor, writeSafetensors } from "./write-safetensors.js";
export { processorFiles, saveCheckpoint, tokenizerFiles, type SavedCheckpoint } from "./save-checkpoint.js";
