/** A cache of results in a JSON file. Each result is stored with its inputs and computed again only when they change. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { InputError } from "bridgetower";
import { writeFormatted } from "./formatted-file.js";

/** Numbers by name. */
export type Results = Readonly<Record<string, number>>;

/** Hashes of files, and settings. */
export type MadeOf = Readonly<Record<string, string | number | null>>;

interface Entry {
  readonly made_of: MadeOf;
  readonly results: Results;
}

interface Contents {
  readonly about?: Readonly<Record<string, unknown>>;
  readonly results?: Readonly<Record<string, Entry>>;
}

export class ResultsCache {
  private constructor(
    private readonly path: string,
    private about: Readonly<Record<string, unknown>>,
    private readonly entries: Map<string, Entry>,
  ) {}

  /** @throws SyntaxError if the file exists and is not JSON */
  static async open(path: string): Promise<ResultsCache> {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "{}";
      throw error;
    });
    // Written by this class.
    const { about = {}, results = {} } = JSON.parse(text) as Contents;
    return new ResultsCache(path, about, new Map(Object.entries(results)));
  }

  /** The results of this name, computed unless they are stored for the same inputs. */
  async of(name: string, made_of: MadeOf, make: () => Promise<Results>): Promise<Results> {
    const kept = this.entries.get(name);
    if (kept !== undefined && sameThings(kept.made_of, made_of)) return kept.results;
    const results = await make();
    this.entries.set(name, { made_of, results });
    await this.save();
    return results;
  }

  /** Sets fields that apply to all results. */
  async describe(fields: Readonly<Record<string, unknown>>): Promise<void> {
    const about = { ...this.about, ...fields };
    if (JSON.stringify(about) === JSON.stringify(this.about)) return;
    this.about = about;
    await this.save();
  }

  private save(): Promise<void> {
    return writeFormatted(
      this.path,
      JSON.stringify({ about: this.about, results: Object.fromEntries(this.entries) }, null, 2),
    );
  }
}

function sameThings(one: MadeOf, other: MadeOf): boolean {
  const text = (things: MadeOf) => JSON.stringify(Object.entries(things).sort(([a], [b]) => (a < b ? -1 : 1)));
  return text(one) === text(other);
}

/** SHA-256 of a file, hexadecimal. @throws InputError if it cannot be read */
export async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash).catch((cause: NodeJS.ErrnoException) => {
    const found = cause.code ?? cause.message;
    const code = InputError.fileCode(cause.code);
    throw new InputError({ code, where: path, expected: "a file that can be read", found }, { cause });
  });
  return hash.digest("hex");
}

/** SHA-256 of a value as JSON, hexadecimal. */
export const hashOfJson = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");
