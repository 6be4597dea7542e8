import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { complaint, temporaryFolder } from "./checkpoint-files.test-support.js";
import { withFile } from "../files/index.js";
import { readZipEntries } from "./zip.js";
import { zipBytes } from "./zip.test-support.js";

const text = (value: string) => new TextEncoder().encode(value);
const parts = [
  { name: "a/one", bytes: text("first") },
  { name: "a/empty", bytes: text("") },
  { name: "a/two", bytes: text("second") },
];

test.each([{ wide: false }, { wide: true }])("finds each entry's bytes (zip64: $wide)", async ({ wide }) => {
  const path = join(await temporaryFolder(), "x.zip");
  await writeFile(path, zipBytes(parts, { wide }));
  const contents = await withFile(path, async (file) => {
    const entries = [...(await readZipEntries(file)).values()];
    return Promise.all(entries.map(({ offset, length }) => file.read(offset, length)));
  });
  expect(contents.map((bytes) => new TextDecoder().decode(bytes))).toEqual(["first", "", "second"]);
});

const whole = zipBytes(parts);
const patched = (change: (bytes: DataView) => void) => {
  const copy = Uint8Array.from(whole);
  change(new DataView(copy.buffer));
  return copy;
};

test.each<[string, Uint8Array, string]>([
  ["compressed", zipBytes([{ ...parts[0]!, method: 8 }]), "found a compressed entry"],
  ["encrypted", zipBytes([{ ...parts[0]!, flags: 1 }]), "found an encrypted entry"],
  ["two of a name", zipBytes([parts[0]!, parts[0]!]), "found two called a/one"],
  ["cut short", whole.subarray(0, whole.length - 23), "expected a zip directory at its end, found none"],
  ["cut in front", whole.subarray(40), "expected"],
  ["too many entries", patched((b) => b.setUint16(b.byteLength - 12, 9, true)), "expected 9 entries"],
  ["directory outside", patched((b) => b.setUint32(b.byteLength - 6, 9999, true)), "found one beyond its end"],
  [
    "zip64 without locator",
    patched((b) => b.setUint16(b.byteLength - 12, 0xffff, true)),
    "a locator that leads nowhere",
  ],
])("refuses: %s", async (_, bytes, message) => {
  const folder = await temporaryFolder();
  const path = join(folder, "x.zip");
  await writeFile(path, bytes);
  expect(await complaint(folder, withFile(path, readZipEntries))).toContain(message);
});
