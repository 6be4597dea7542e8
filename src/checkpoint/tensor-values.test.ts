import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { HostTensor } from "../graph/host-tensor.js";
import { complaint, temporaryFolder } from "./checkpoint-files.test-support.js";
import { readTensor } from "./tensor-values.js";

test("bytes at an odd offset are read, from a file as from memory", async () => {
  const path = join(await temporaryFolder(), "x");
  const bytes = Uint8Array.of(9, 0, 0, 128, 63, 0, 0, 0, 192);
  await writeFile(path, bytes);
  const expected = new HostTensor("float32", [2], Float32Array.of(1, -2));
  const type = { dtype: "float32", shape: [2] } as const;
  expect(await readTensor({ ...type, data: { path, offset: 1, length: 8 } })).toEqual(expected);
  expect(await readTensor({ ...type, data: bytes.subarray(1) })).toEqual(expected);
});

test("a file that shrank since it was opened is an error", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "x");
  await writeFile(path, new Uint8Array(8));
  await truncate(path, 3);
  const tensor = { dtype: "uint8", shape: [8], data: { path, offset: 0, length: 8 } } as const;
  expect(await complaint(folder, readTensor(tensor))).toBe(
    "x: expected at least 8 bytes, found 3: the file has changed since it was opened. Load the model again.",
  );
});
