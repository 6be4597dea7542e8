/** Files: bounded reads, JSON, lines of text, atomic writes, temporary names, locks, hashes and system errors. Imports only errors. */
export {
  describe,
  isObject,
  type JsonLimits,
  type JsonObject,
  JsonProblem,
  maxConfigBytes,
  parseJson,
  parsePythonJson,
  readJson,
  readJsonIfPresent,
  readJsonObject,
  readJsonObjectIfPresent,
} from "./json.js";
export { type Line, type LineOptions, readLineBatches, readLines, readTextPieces, type TextOptions } from "./lines.js";
export { acquireLock, type FileLock, LockHeld, type LockOptions, removeGuards } from "./lock.js";
export { isLocal, type ProcessIdentity, thisProcess } from "./process-identity.js";
export {
  type FileState,
  hashFile,
  isFile,
  isFolder,
  type OpenFile,
  readBytes,
  readPieces,
  readExactly,
  readTextIfPresent,
  statIfPresent,
  statRegular,
  withFile,
} from "./read-file.js";
export { completeReplacements, replaceFiles, type ReplaceOptions } from "./replace-files.js";
export { refuseStandIn, standIn, standInBytes } from "./stand-in.js";
export { fileError, isAbsence, isSystemFailure, systemCode, underFinalName } from "./system-errors.js";
export { isAbandoned, removeAbandoned, temporaryName, uniqueTag, uniqueTagPattern } from "./temporary-files.js";
export { encodingHint, utf8Problem } from "./text-encoding.js";
export { copyAtomically, makeFolder, syncFolder, writeAtomically, writeJson, writeText } from "./write-file.js";
