import { expect, test } from "vitest";
import {
  checkArgument,
  checkOptions,
  described,
  either,
  listOf,
  oneOf,
  oneOrList,
  signalType,
  stringType,
  wholeNumber,
} from "./arguments.js";

const types = { split: stringType, columns: listOf(stringType), topK: wholeNumber(1) };

test("options that do not exist or are of another type are refused", () => {
  checkOptions("open", {}, types);
  checkOptions("open", { split: "train", columns: undefined }, types);
  expect(() => checkOptions("open", { spilt: "train" }, types)).toThrow(
    'open: expected one of the options split, columns, topK, found "spilt". The nearest is split.',
  );
  // A name of every object is no option.
  expect(() => checkOptions("open", { toString: 1 }, types)).toThrow('found "toString".');
  expect(() => checkOptions("open", { topK: 0 }, types)).toThrow("topK: expected a whole number, 1 or more, found 0.");
  expect(() => checkOptions("open", null, types)).toThrow("options of open: expected an object, found null.");
  expect(() => checkOptions("columns", { split: 3 }, types, (name) => `columns: ${name}`)).toThrow(
    "columns: split: expected a string, found 3.",
  );
});

test("the first wrong entry of a list is named, also an empty slot", () => {
  const lists = { ...listOf(stringType) };
  expect(() => checkArgument("texts", ["a", 3], lists)).toThrow("texts[1]: expected a string, found 3.");
  expect(() => checkArgument("texts", new Array(1), lists)).toThrow("texts[0]: expected a string, found undefined.");
  expect(() => checkArgument("texts", "a", lists)).toThrow('texts: expected an array, found "a".');
  expect(() => checkArgument("texts", 3, oneOrList(stringType))).toThrow(
    "texts: expected a string or an array of them, found 3.",
  );
  expect(() => checkArgument("key", "bilp", either(oneOf(["blip", "clip", "square"]), wholeNumber(0)))).toThrow(
    'key: expected one of blip, clip, square or a whole number, 0 or more, found "bilp". The nearest is blip.',
  );
});

test("signals of other realms are accepted", () => {
  const signal = { aborted: false, addEventListener: () => undefined };
  checkArgument("signal", signal, signalType);
  checkArgument("signal", AbortSignal.timeout(1000), signalType);
});

test.each<[value: unknown, text: string]>([
  [undefined, "undefined"],
  [null, "null"],
  ["a\nb", '"a\\nb"'],
  [NaN, "NaN"],
  [3n, "3n"],
  [Symbol("x"), "a symbol"],
  [() => 1, "a function"],
  [[1, 2], "[1,2]"],
  [{ a: 1 }, '{"a":1}'],
  [Object.create(null), "{}"],
  [new URL("file:///a"), "an instance of URL"],
  [new Map(), "an instance of Map"],
  [[3n], "an array"],
  ["x".repeat(200), `"${"x".repeat(79)}`],
])("%s is described as %s", (value, text) => {
  expect(described(value)).toBe(text);
});
