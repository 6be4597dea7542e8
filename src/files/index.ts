/** Files: bounded reads, strict JSON, atomic writes and system errors. Imports nothing but errors. */
export { makeFolder, writeAtomically, writeJson, writeTextAtomically } from "./atomic-file.js";
export { readBoundedFile, readBoundedFileIfPresent } from "./bounded-file.js";
export { describe, isObject, type JsonObject, readJsonIfPresent, readTextIfPresent } from "./json-file.js";
export { errorCode, fileProblem, type OpenFile, readExactly, withFile } from "./open-file.js";
export { readJson, readJsonObject } from "./run-json.js";
export { JsonProblem, objectEntries, parseStrictJson } from "./strict-json.js";
export { systemCode } from "./system-code.js";
