import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { imageSettings, readImageSettings } from "./image-settings.js";
import type { JsonObject } from "../files/index.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "settings-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(name: string, value: unknown): Promise<void> {
  await writeFile(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
}

test("both layouts are read, and the newer one wins", async () => {
  await write("preprocessor_config.json", { size: 96 });
  await write("processor_config.json", { processor_class: "BridgeTowerProcessor" });
  expect((await readImageSettings(folder)).size).toEqual({ shortest_edge: 96 });
  await write("processor_config.json", { image_processor: { size: { shortest_edge: 128 } } });
  expect((await readImageSettings(folder)).size).toEqual({ shortest_edge: 128 });
});

test("files that cannot be settings are named", async () => {
  const path = join(folder, "preprocessor_config.json");
  for (const [text, found] of [
    ["", "an empty file"],
    ["{", "not JSON"],
    ["[]", "a list of 0"],
    ["null", "null"],
  ] as const) {
    await write("preprocessor_config.json", text);
    await expect(readImageSettings(folder)).rejects.toThrow(new RegExp(`^${path}: .*${found}`));
  }
  await write("preprocessor_config.json", " ".repeat(2 ** 20 + 1));
  await expect(readImageSettings(folder)).rejects.toThrow("at most 1048576 bytes");
});

test("forms of one setting", () => {
  const edges = (json: JsonObject) => {
    const { size, crop_size } = imageSettings(json, "test.json");
    return [size.shortest_edge, crop_size.shortest_edge];
  };
  expect(edges({})).toEqual([288, 288]);
  expect(edges({ size: 294 })).toEqual([294, 294]);
  expect(edges({ size: { shortest_edge: 294, longest_edge: 400 }, crop_size: null })).toEqual([294, 294]);
  expect(edges({ size: 294, crop_size: { height: 288, width: 288 } })).toEqual([294, 288]);
  expect(imageSettings({ image_mean: 0.5 }, "test.json").image_mean).toEqual([0.5, 0.5, 0.5]);
  expect(imageSettings(JSON.parse('{"__proto__": {"size": 64}, "x": 1}') as JsonObject, "t").size.shortest_edge).toBe(
    288,
  );
});

test.each<JsonObject>([
  { do_resize: "yes" },
  { size: {} },
  { size: { height: 3, width: 4 } },
  { size: 0 },
  { size: 1e9 },
  { crop_size: 2.5 },
  { size: 16 },
  { size_divisor: 0 },
  { resample: 6 },
  { resample: "bicubic" },
  { rescale_factor: "1/255" },
  { image_mean: [0.5, 0.5] },
  { image_std: [0.5, 0, 0.5] },
  { image_std: [0.5, null, 0.5] },
])("%j is refused", (json) => {
  expect(() => imageSettings(json, "test.json")).toThrowErrorMatchingSnapshot();
});

test("a size below the divisor is fine when nothing is resized", () => {
  expect(imageSettings({ size: 16, do_resize: false }, "test.json").crop_size.shortest_edge).toBe(16);
});
