/** Temporary folders and hand-made files for the tests of this folder. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { onTestFinished } from "vitest";

import { InputError } from "../errors.js";

export const fixtures = join(import.meta.dirname, "fixtures");

/** A folder that is removed when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-checkpoint-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The bytes of a safetensors file with this header and `dataLength` zero bytes. */
export function safetensorsBytes(header: unknown, dataLength: number): Uint8Array {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + json.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** The message of the InputError that `action` fails with, without the temporary folder; any other outcome throws. */
export async function complaint(folder: string, action: Promise<unknown>): Promise<string> {
  const outcome: unknown = await action.catch((error: unknown) => error);
  if (!(outcome instanceof InputError)) throw new Error("expected an InputError", { cause: outcome });
  return outcome.message.replaceAll(`${folder}/`, "");
}
