/** Fixtures that the fuzzer mutates, and formats that are one JSON document. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { type Format, type MemoryBound, plainBound } from "./format.js";
import { mutateJson } from "./json-mutations.js";
import { mutateBytes } from "./mutations.js";

/** The path of a file of the repository. */
export const fixture = (...path: readonly string[]): string => join(import.meta.dirname, "..", ...path);

interface JsonFormat extends Pick<Format, "name" | "file" | "others" | "read"> {
  /** Paths, or documents. */
  readonly samples: readonly (string | object)[];
  readonly bound?: MemoryBound;
}

/** A format of JSON documents. */
export function jsonFormat({ samples, bound = plainBound, ...format }: JsonFormat): Format {
  return {
    ...format,
    bound,
    samples: () =>
      Promise.all(
        samples.map(async (one) => (typeof one === "string" ? readFile(one) : Buffer.from(JSON.stringify(one)))),
      ),
    mutate: (random, bytes) => mutateJson(random, bytes) ?? mutateBytes(random, bytes),
  };
}
