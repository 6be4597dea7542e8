/** What the tests of this folder share: the file that `fixtures/make.py` writes, and the formula of its large images. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { RawImage } from "../../processing/index.js";
import type { OpencvOp } from "./opencv-ops.js";
import type { PillowOp } from "./pillow-ops.js";
import type { Box, Step } from "./steps.js";
import type { Transform } from "./transform-image.js";

type Alone = ({ family: "pillow"; op: PillowOp } | { family: "opencv"; op: OpencvOp }) & {
  picture: string;
  values: number[];
  /** The first 16 digits of each. */
  sha256: string[];
  /** Base64 each. */
  bytes?: string[];
};

interface Golden {
  stored: { name: string; width: number; height: number; data: string }[];
  formula: { name: string; width: number; height: number }[];
  alone: Alone[];
  steps: { picture: string; steps: Step[]; width: number; height: number; sha256: string }[];
  transformed: (Transform & { picture: string; shape: number[]; sha256: string })[];
  squares: { width: number; height: number; image_size: number; resized: object; box: Box }[];
  crops: { width: number; height: number; smallest: number; uniform: number[]; box: Box }[];
}

export function readGolden(): Golden {
  const lines = readFileSync(new URL("fixtures/golden.jsonl", import.meta.url), "utf8")
    .trim()
    .split("\n");
  return Object.assign({}, ...lines.map((line): unknown => JSON.parse(line))) as Golden;
}

/** An image of the golden file by its name. */
export function goldenImage({ stored, formula }: Golden, name: string): RawImage {
  const kept = stored.find((picture) => picture.name === name);
  if (kept !== undefined) {
    return { width: kept.width, height: kept.height, data: new Uint8Array(Buffer.from(kept.data, "base64")) };
  }
  const size = formula.find((picture) => picture.name === name);
  if (size === undefined) throw new Error(`the golden file has no image ${name}`);
  return pattern(size.width, size.height);
}

/** The busy image of `pattern` in the script. */
export function pattern(width: number, height: number): RawImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) data[i++] = x * 31 + y * 17 + c * 101 + ((x * y) % 251);
    }
  }
  return { width, height, data };
}

/** The first 16 hexadecimal digits of SHA-256, as the script writes them. */
export function digest(data: ArrayBufferView): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}
