import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { InputError, errorCodes, nearestHint, nearestNames, shortJson } from "./errors.js";

test("the message is one line with where, expected, found and hint, which are also fields", () => {
  const problem = { code: "invalid-usage", where: "--device", expected: "one of cpu, cuda", found: "gpu" } as const;
  const plain = new InputError(problem);
  expect(plain.message).toBe("--device: expected one of cpu, cuda, found gpu.");
  expect(plain).toMatchObject(problem);
  expect("hint" in plain).toBe(false);
  const hinted = new InputError({ ...problem, hint: "Use cpu" });
  expect(hinted.message).toBe("--device: expected one of cpu, cuda, found gpu. Use cpu.");
  expect(hinted.name).toBe("InputError");
  expect(hinted.hint).toBe("Use cpu");
  expect(JSON.parse(JSON.stringify([plain, hinted]))).toEqual([problem, { ...problem, hint: "Use cpu" }]);
});

test("characters that break, hide or reorder a line are shown as escapes", () => {
  const found = "a\nb\u001b[31m\u007f\u009b\u2028\u202etxt";
  expect(new InputError({ code: "invalid-argument", where: "x", expected: "y", found }).message).toBe(
    "x: expected y, found a\\nb\\u001b[31m\\u007f\\u009b\\u2028\\u202etxt.",
  );
});

test("the cause is kept", () => {
  const cause = new Error("ENOENT");
  expect(new InputError({ code: "invalid-argument", where: "x", expected: "y", found: "z" }, { cause }).cause).toBe(
    cause,
  );
});

test("similar names are sorted by distance, and dissimilar ones are omitted", () => {
  const names = ["gelu_new", "gelu", "relu", "tanh"];
  expect(nearestNames("gel", names)).toEqual(["gelu", "relu"]);
  expect(nearestNames("gelu", names, 1)).toEqual(["gelu"]);
  expect(nearestNames("gelu_nw", names)).toEqual(["gelu_new"]);
  expect(nearestNames("softmax", names)).toEqual([]);
});

test("a name of a million characters is like no other, at once", () => {
  expect(nearestNames("x".repeat(1_000_000), ["gelu", "y".repeat(300_000)])).toEqual([]);
});

test("a value of a file is shown as JSON, cut off, however deep, circular or large it is", () => {
  const small = { a: [1, "b", null, { c: true }], d: -0.5 };
  expect(shortJson(small)).toBe(JSON.stringify(small));
  expect(shortJson([undefined, 2n])).toBe('[null,"2"]');
  expect([shortJson(undefined), shortJson(() => 1), shortJson(null)]).toEqual(["undefined", "function", "null"]);
  let deep: unknown = 1;
  for (let i = 0; i < 100_000; i++) deep = i % 2 === 0 ? [deep] : { a: deep };
  expect(shortJson(deep)).toBe('{"a":[{"a":["…"]}]}');
  const circular: unknown[] = [1];
  circular.push(circular);
  expect(shortJson(circular)).toBe('[1,[1,[1,[1,"…"]]]]');
  expect(shortJson(["x".repeat(1_000_000)], 10)).toBe('["xxxxxxxx');
  const shared = [0, 1, 2, 3].reduce<unknown[]>((inner) => new Array<unknown>(10_000).fill(inner), []);
  expect(shortJson(shared, 9)).toBe('[[[["…","');
});

test("the hint for an unknown name", () => {
  const names = ["gelu_new", "gelu", "relu", "tanh"];
  expect(nearestHint("gel", names)).toBe("The nearest is gelu or relu");
  expect(nearestHint("softmax", names)).toBeUndefined();
  expect(nearestHint(7, names)).toBeUndefined();
});

test("the code of an error of the file system follows the system's code", () => {
  expect(["ENOENT", "ENOTDIR", "ENOSPC", "EACCES", undefined].map((code) => InputError.fileCode(code))).toEqual([
    "file-not-found",
    "file-not-found",
    "disk-full",
    "file-unreadable",
    "file-unreadable",
  ]);
  expect(InputError.fileCode("EACCES", "file-not-writable")).toBe("file-not-writable");
  expect(InputError.fileCode("EDQUOT", "file-not-writable")).toBe("disk-full");
});

test("codes are in kebab-case and have a meaning", () => {
  for (const [code, meaning] of Object.entries(errorCodes)) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(meaning).toMatch(/^[A-Z].*\.$/);
  }
});

test("every code is used in the sources", () => {
  const root = fileURLToPath(new URL(".", import.meta.url));
  const text = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !/\.(test|suite|test-support)\.ts$/.test(file))
    .map((file) => readFileSync(root + file, "utf8"))
    .join("\n");
  // The value of a field `code`, which may be chosen by a condition.
  const values = [...text.matchAll(/\bcode: ([^,;{}]*)/g)].map(([, value]) => value!);
  const used = new Set(values.flatMap((value) => [...value.matchAll(/"([a-z-]+)"/g)].map(([, code]) => code!)));
  expect(Object.keys(errorCodes).filter((code) => !used.has(code))).toEqual([]);
});

test("docs/errors.md has the same table", () => {
  const document = readFileSync(new URL("../docs/errors.md", import.meta.url), "utf8");
  const rows = [...document.matchAll(/^\| `([^`]+)` +\| (.*?) *\|$/gm)].map(([, code, meaning]) => [code, meaning]);
  expect(rows).toEqual(Object.entries(errorCodes));
});
