import { expect, test } from "vitest";
import { callPath, instrumented } from "./call-path.js";

test.each([
  ["an image", "pixel_values", ["readBytes", "decodeImage", "resizeImage", "CompiledGraph.run"]],
  ["a text", "input_ids", ["Tokenizer.encode", "Bpe.encode", "CompiledGraph.run"]],
] as const)("%s passes at most 15 functions in 10 files before session.run", async (_, input, some) => {
  const { functions, files } = await callPath(input);
  const names = functions.map((name) => name.split(" ")[1]);
  expect([functions[0], functions.at(-1)]).toEqual(["src/cli/main.ts run", "src/runtime/session-worker.js answer"]);
  expect(names).toEqual(expect.arrayContaining([...some]));
  expect(functions.length, functions.join("\n")).toBeLessThanOrEqual(15);
  expect(files.length, files.join("\n")).toBeLessThanOrEqual(10);
});

test("functions of every kind report their calls, callbacks as the function around them", () => {
  const code = `class A extends B {
  constructor(x) { super(x); }
  async m({ a, b: [c] }) { return a.map((e) => e + c); }
}
function* g(n) { yield n; }
const f = (x) => ({ x });`;
  expect(instrumented(code, "src/a.ts", "tracer.js")).toMatchInlineSnapshot(`
    "import * as $path from "tracer.js";class A extends B {
      constructor(x) {$path.call("src/a.ts A.constructor", [x], false, () => { super(x); return this; }); }
      async m({ a, b: [c] }) {return $path.call("src/a.ts A.m", [a, c], false, async () => { return a.map((e) => $path.call("src/a.ts A.m", [e], true, () => (e + c))); }); }
    }
    function* g(n) {return yield* $path.generate("src/a.ts g", [n], false, (function* () { yield n; }).call(this)); }
    const f = (x) => $path.call("src/a.ts f", [x], false, () => (({ x })));"
  `);
});
