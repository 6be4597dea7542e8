/** Every format that a parser of this package reads. */
import { checkpointFormats } from "./checkpoint-formats.js";
import type { Format } from "./format.js";
import { processingFormats } from "./processing-formats.js";
import { tableFormats } from "./table-formats.js";

export const formats: readonly Format[] = [...checkpointFormats, ...tableFormats, ...processingFormats];
