import { expect, test } from "vitest";

import { ForeignObject, type PickleHost, unpickle } from "./pickle.js";

const host: PickleHost<never> = {
  where: "x.bin: data.pkl",
  global: (name) => (name === "known.list" ? { kind: "global", name, call: (args) => [...args] } : undefined),
  persistent: (id) => id,
};

/** Latin-1 text as bytes, so that opcodes read as in `pickletools`. */
const run = (text: string) => unpickle(Uint8Array.from(Buffer.from(text, "latin1")), host);

test.each<[string, string, unknown]>([
  ["numbers", "\x80\x02(K\x07M\x01\x02J\xff\xff\xff\xff\x8a\x02\x00\xff\x8a\x00t.", [7, 513, -1, -256, 0]],
  ["a long beyond doubles", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.", 2n ** 63n - 1n],
  [
    "booleans and integers of protocol 1",
    "(I01\nI00\nL-5L\nL123456789012345678L\nt.",
    [true, false, -5, 123456789012345678n],
  ],
  ["a float", "G\x3f\xf8\x00\x00\x00\x00\x00\x00.", 1.5],
  ["text and bytes", "X\x02\x00\x00\x00\xc3\xa9\x8c\x01bC\x01\x09\x87.", ["é", "b", Uint8Array.of(9)]],
  ["lists that grow", "]q\x00(NK\x01e\x88a.", [null, 1, true]],
  ["sets and byte arrays", "(\x8f(K\x01K\x02\x90(K\x03\x91\x96\x01\0\0\0\0\0\0\0\x09\x8e\x01\0\0\0\0\0\0\0\x08t.", [[1, 2], [3], Uint8Array.of(9), Uint8Array.of(8)]], // prettier-ignore
  ["a dict", "}(K\x01K\x02u\x89Ns.", new Map<unknown, unknown>([[1, 2], [false, null]])], // prettier-ignore
  ["memory", "K\x05q\x00h\x00r\x09\x00\x00\x00j\x09\x00\x00\x00\x87.", [5, 5, 5]],
  ["dup, pop and pop to mark", "K\x012K\x030(K\x041\x86.", [1, 1]],
  ["a known call", "cknown\nlist\nK\x01\x85R.", [1]],
  ["a known call, protocol 4", "\x8c\x05known\x8c\x04list\x93K\x01\x85R.", [1]],
])("reads %s", (_, text, value) => {
  expect(run(text)).toEqual(value);
});

test.each<[string, string, string]>([
  ["an unknown name", "cos\nsystem\n.", "found a reference to os.system"],
  ["an unknown name, protocol 4", "\x8c\x02os\x8c\x06system\x93.", "found a reference to os.system"],
  ["a call of a value", "K\x01)R.", "found another call"],
  ["an instance of a known name", "cknown\nlist\n)\x81.", "found an instance of known.list"],
  ["an instance of a value", "K\x01)\x81.", "found an instance of a value"],
  ["protocol 0", "I1\n.", "found opcode 0x49 at byte 0"],
  ["a decimal integer of many digits", "L" + "9".repeat(19) + "L\n.", "expected integers of at most 18 digits"],
  ["protocol 6", "\x80\x06.", "found protocol 6"],
  ["an empty stack", ".", "expected a value on the stack, found none"],
  ["no mark", "t.", "expected a mark on the stack, found none"],
  ["no memory", "h\x05.", "expected a remembered value 5, found none"],
  ["no end", "K\x01", "expected a whole pickle, found its end after 2 bytes"],
  ["text past the end", "X\xff\xff\xff\xffabc.", "expected a whole pickle"],
  ["text of 2^64 bytes", "\x8d" + "\xff".repeat(8) + ".", "expected a whole pickle"],
  ["text that is not UTF-8", "\x8c\x01\xff.", "expected text in UTF-8"],
  ["a huge integer", "\x8a\x09" + "\xff".repeat(9) + ".", "found one of 9 bytes"],
  ["appending to a dict", "}K\x01a.", "expected a list to append to"],
  ["a key without value", "}(K\x01u.", "expected keys and values for a dict"],
  ["state on a list", "]}b.", "expected extra state on a dict only"],
])("refuses %s", (_, text, message) => {
  expect(() => run(text)).toThrow(message);
});

test("stops after the maximum number of operations, for a pickle of any length", () => {
  const endless = Buffer.alloc(20_000_002, "N0", "latin1");
  expect(() => unpickle(endless, host)).toThrow("expected at most 2000000 operations, found more");
});

const tolerant: PickleHost<never> = {
  ...host,
  global: (name) => ({ kind: "global", name, foreign: true, call: () => new ForeignObject(name) }),
};
const foreign = (name: string, state?: unknown) => Object.assign(new ForeignObject(name), { state });

test.each<[string, string, unknown]>([
  ["a call", "cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", foreign("os.system")],
  ["an instance with state", "ca\nB\n)\x81}X\x01\x00\x00\x00xK\x01sb.", foreign("a.B", new Map([["x", 1]]))],
  ["an instance with keyword arguments", "ca\nB\n)}\x92.", foreign("a.B")],
  ["items of an unknown dict and list", "ca\nB\n)\x81(K\x01K\x02uK\x03a.", foreign("a.B")],
])("a host that tolerates unknown names gets a stand-in: %s", (_, text, value) => {
  expect(unpickle(Uint8Array.from(Buffer.from(text, "latin1")), tolerant)).toEqual(value);
});

test("the whole message", () => {
  expect(() => run("cos\nsystem\n.")).toThrowErrorMatchingInlineSnapshot(
    `[InputError: x.bin: data.pkl: expected tensors and plain values only, found a reference to os.system. Use a file that holds only tensors, preferably as safetensors; no code in this one was run.]`,
  );
});
