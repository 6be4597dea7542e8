/** Files of weights: safetensors, and what torch.save writes. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { findStateDict, openCheckpoint, readSafetensors, readTensor, readTorchFile } from "../src/checkpoint/index.js";
import { safetensorsBytes } from "../src/checkpoint/checkpoint-files.test-support.js";
import { legacyTorchFile, torchFile } from "../src/checkpoint/torch-file.test-support.js";
import { zipBytes } from "../src/checkpoint/zip.test-support.js";
import { openStart } from "../src/conversion/index.js";
import { HostTensor, type StoredTensor } from "../src/graph/index.js";
import type { Random } from "../src/random/index.js";
import { mutateZip, unzipped } from "./archive-mutations.js";
import { type Format, plainBound } from "./format.js";
import { mutateJson } from "./json-mutations.js";
import { mutateBytes, mutateField } from "./mutations.js";
import { mutatePickle } from "./pickle-mutations.js";
import { fixture, jsonFormat } from "./sample-files.js";

const checkpoints = (name: string) => fixture("src/checkpoint/fixtures", name);

/** Reads the values one tensor after another, as a model is loaded. */
async function readAll(tensors: Iterable<StoredTensor>): Promise<void> {
  for (const tensor of tensors) await readTensor(tensor);
}

async function readTorch(path: string): Promise<void> {
  const { tensors } = findStateDict(path, await readTorchFile(path, { foreign: "keep" }));
  await readAll(tensors.values());
}

/** Changes the header, and its length with it. */
function mutateSafetensors(random: Random, bytes: Uint8Array): Uint8Array {
  if (bytes.length < 8 || random.below(8) === 0) return mutateField(random, bytes, [{ offset: 0, size: 8 }]);
  const end = 8 + Number(Buffer.from(bytes).readBigUInt64LE(0));
  const header = mutateJson(random, bytes.subarray(8, end));
  if (header === undefined) return mutateBytes(random, bytes);
  return Buffer.concat([safetensorsBytes(Buffer.from(header).toString("utf8"), 0), bytes.subarray(end)]);
}

/** Changes the pickle and writes the archive again. */
function mutateZippedPickle(random: Random, bytes: Uint8Array): Uint8Array {
  const entries = unzipped(bytes);
  const found = entries.findIndex(({ name }) => name.endsWith("/data.pkl"));
  if (found < 0) return mutateBytes(random, bytes);
  const entry = entries[found]!;
  return zipBytes(entries.with(found, { ...entry, bytes: mutatePickle(random, entry.bytes) }));
}

const tensors = {
  "a.weight": new HostTensor("float32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)),
  "a.bias": new HostTensor("float16", [3], Uint16Array.of(1, 2, 3)),
  ids: new HostTensor("int64", [1, 2], BigInt64Array.of(5n, 6n)),
};

const entry = (dtype: string, shape: readonly number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

const torchFixtures = [
  "every-type.bin",
  "views.bin",
  "module.bin",
  "trainer.bin",
  "protocol-4.bin",
  "protocol-5.bin",
  "untyped.bin",
];

async function torchSamples(): Promise<Uint8Array[]> {
  const samples = await Promise.all(torchFixtures.map((name) => readFile(checkpoints(name))));
  return [...samples, torchFile(tensors), torchFile({ epoch: 1, state_dict: tensors, hyper: [null, true, "x"] })];
}

const index = "pytorch_model.bin.index.json";

export const checkpointFormats: readonly Format[] = [
  {
    name: "safetensors",
    file: "model.safetensors",
    samples: () => {
      const header = { __metadata__: { format: "pt" }, a: entry("F32", [1], 0, 4), b: entry("I64", [2], 4, 20) };
      const types = ["F64", "BF16", "I32", "I16", "I8", "U8", "BOOL"];
      const many = Object.fromEntries(types.map((type, i) => [`layer.${i}.${type}`, entry(type, [0, 3], 0, 0)]));
      const samples = [safetensorsBytes(header, 20), safetensorsBytes({ ...many, x: entry("F16", [3, 2], 0, 12) }, 12)];
      return Promise.resolve(samples);
    },
    mutate: mutateSafetensors,
    read: async (path) => readAll((await readSafetensors(path)).values()),
    bound: plainBound,
  },
  {
    name: "zip",
    file: "pytorch_model.bin",
    samples: async () => {
      const samples = await torchSamples();
      return [...samples, ...samples.map((bytes) => zipBytes(unzipped(bytes), { wide: true }))];
    },
    mutate: mutateZip,
    read: readTorch,
    bound: plainBound,
  },
  {
    name: "pickle",
    file: "pytorch_model.bin",
    samples: torchSamples,
    mutate: mutateZippedPickle,
    read: readTorch,
    bound: { ...plainBound, perByte: 256 },
  },
  {
    name: "torch-legacy",
    file: "pytorch_model.bin",
    samples: async () => [
      await readFile(checkpoints("legacy.bin")),
      legacyTorchFile(tensors),
      legacyTorchFile({ epoch: 1, model: tensors }),
    ],
    mutate: mutatePickle,
    read: readTorch,
    bound: { ...plainBound, perByte: 256 },
  },
  jsonFormat({
    name: "torch-index",
    file: index,
    others: Object.fromEntries(
      [1, 2].map((i) => `pytorch_model-0000${i}-of-00002.bin`).map((name) => [name, checkpoints(`sharded/${name}`)]),
    ),
    samples: [checkpoints(`sharded/${index}`)],
    read: async (path) => readAll((await openCheckpoint(join(path, ".."))).tensors.values()),
  }),
  {
    name: "conversion",
    file: "start.ckpt",
    samples: () =>
      Promise.all(["lightning.ckpt", "openai.pt"].map((name) => readFile(fixture("src/conversion/fixtures", name)))),
    mutate: (random, bytes) => (random.below(4) === 0 ? mutateZip(random, bytes) : mutateZippedPickle(random, bytes)),
    read: async (path) => void (await openStart(path)),
    bound: plainBound,
  },
];
