import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { HostTensor } from "../graph/host-tensor.js";
import { complaint, temporaryFolder } from "./checkpoint-files.test-support.js";
import { readSafetensors } from "./safetensors.js";
import { readTensor } from "./tensor-values.js";
import { type WritableTensor, writeSafetensors } from "./write-safetensors.js";

test("written tensors are read back from any source; wide types come first, so that all are aligned", async () => {
  const folder = await temporaryFolder();
  const host = new HostTensor("float32", [2, 2], Float32Array.of(1, -2, 0.5, Infinity));
  const flags = new HostTensor("bool", [3], Uint8Array.of(1, 0, 1));
  const long = new HostTensor("int64", [], BigInt64Array.of(-5n));
  const first = join(folder, "first.safetensors");
  await writeSafetensors(
    first,
    new Map<string, WritableTensor>([
      ["flags", flags],
      ["host", host],
      ["long", long],
    ]),
  );
  const stored = await readSafetensors(first);

  const streamed: WritableTensor = {
    dtype: "int16",
    shape: [3],
    data: async function* () {
      yield await Promise.resolve(Uint8Array.of(1, 0, 2));
      yield Uint8Array.of(0, 3, 0);
    },
  };
  const second = join(folder, "second.safetensors");
  await writeSafetensors(second, new Map<string, WritableTensor>([...stored, ["streamed", streamed]]));
  const tensors = await readSafetensors(second);

  expect([...tensors.keys()]).toEqual(["long", "host", "streamed", "flags"]);
  for (const [name, expected] of Object.entries({ host, flags, long })) {
    expect(await readTensor(tensors.get(name)!)).toEqual(expected);
  }
  expect((await readTensor(tensors.get("streamed")!)).toArray()).toEqual([1, 2, 3]);
});

test("the header is padded with spaces to a multiple of 8 and carries the metadata", async () => {
  const path = join(await temporaryFolder(), "x.safetensors");
  await writeSafetensors(path, new Map([["é", new HostTensor("uint8", [1], Uint8Array.of(7))]]));
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE(0));
  expect(length % 8).toBe(0);
  expect(bytes.length).toBe(8 + length + 1);
  expect(bytes.toString("utf8", 8, 8 + length).trimEnd()).toBe(
    '{"__metadata__":{"format":"pt"},"é":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
  );
});

test.each([
  ["fewer", [Uint8Array.of(1)], "x: int16 [1] needs 2 bytes, its data gave only 1"],
  ["more", [Uint8Array.of(1), Uint8Array.of(1, 2)], "x: int16 [1] needs 2 bytes, its data gave more"],
])("%s bytes than the shape needs: the old file stays, nothing else is left", async (_, pieces, message) => {
  const folder = await temporaryFolder();
  const path = join(folder, "x.safetensors");
  await writeFile(path, "old");
  const data = async function* () {
    for (const piece of pieces) yield await Promise.resolve(piece);
  };
  await expect(writeSafetensors(path, new Map([["x", { dtype: "int16", shape: [1], data }]]))).rejects.toThrow(message);
  expect(await readdir(folder)).toEqual(["x.safetensors"]);
  expect(await readFile(path, "utf8")).toBe("old");
});

test("a folder that is missing is an InputError", async () => {
  const folder = await temporaryFolder();
  expect(await complaint(folder, writeSafetensors(join(folder, "no", "x.safetensors"), new Map()))).toBe(
    "no/x.safetensors: expected a file that can be written, found no such file. Check the path and its permissions.",
  );
});
