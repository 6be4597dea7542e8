/** The part of the check that needs no Python: saved parameters have the names of transformers' classes. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { readSafetensors } from "../src/checkpoint/index.js";

type Named = readonly [name: string, shape: readonly number[]];

const root = fileURLToPath(new URL("../", import.meta.url));

test("trained checkpoints hold the names and shapes of their classes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bridgetower-transformers-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await promisify(execFile)(process.execPath, ["--import", "tsx", "scripts/check-transformers.ts", folder], {
    cwd: root,
  });
  const { sizes } = JSON.parse(await readFile(join(root, "fixtures/data/model/names.json"), "utf8")) as {
    sizes: { tiny: Record<string, readonly Named[]> };
  };
  const { BridgeTowerModel: body = [], ...classes } = sizes.tiny;
  const { classes: written } = JSON.parse(await readFile(join(folder, "expected.json"), "utf8")) as {
    classes: Record<string, { folder: string }>;
  };
  expect(Object.keys(written).sort()).toEqual(Object.keys(classes).sort());
  const listed = (named: Iterable<Named>) => [...named].map(([name, shape]) => `${name} [${shape.join(", ")}]`).sort();
  const prefixed = body.map(([name, shape]) => [`bridgetower.${name}`, shape] as const);
  for (const [name, entry] of Object.entries(written)) {
    const tensors = await readSafetensors(join(folder, entry.folder, "model.safetensors"));
    const found = [...tensors].map(([name, { shape }]) => [name, shape] as const);
    expect(listed(found), name).toEqual(listed([...prefixed, ...classes[name]!]));
  }
});
