import { afterAll, expect, test } from "vitest";
import {
  elementCount,
  gather,
  HostTensor,
  input,
  linear,
  mul,
  parameterGradients,
  slice,
  sum,
  type Parameter,
  type Tensor,
} from "../graph/index.js";
import { Runtime, type Arrays, type TrainingGraph } from "./index.js";

const runtime = new Runtime();
afterAll(() => runtime.dispose());

const parameter = (name: string, ...shape: number[]): Parameter => ({
  kind: "parameter",
  name,
  dtype: "float32",
  shape,
});
const table = parameter("table", 5, 2);
/** Read in two slices of its rows. */
const fused = parameter("fused", 4, 2);
const parameters = [table, fused];
const x = gather(table, input("ids", "int64", [3]));
const total = (y: Tensor) => sum(y, { axes: [0, 1] });
const half = (start: number) => linear(x, slice(fused, { axis: 0, start, end: start + 2 }));
/** Σ (x fused[0..2]ᵀ) ⊙ (x fused[2..4]ᵀ) over the rows x of the table. */
const loss = total(mul(half(0), half(2)));

const compile = (): Promise<TrainingGraph> =>
  runtime.compileTraining({ loss, first: half(0) }, parameterGradients(loss, parameters));

const ids = (...rows: number[]) => ({ ids: new HostTensor("int64", [3], BigInt64Array.from(rows, BigInt)) });
const arrays = (value: (i: number) => number): Arrays =>
  new Map(
    parameters.map(({ name, shape }) => [
      name,
      Float32Array.from({ length: elementCount(shape as number[]) }, (_, i) => value(i)),
    ]),
  );
const contents = (arrays: Arrays) => Object.fromEntries([...arrays].map(([name, array]) => [name, [...array]]));

/** The loss's gradients in plain JavaScript, for one row of the table after another. */
function expectedGradients(values: Arrays, rows: readonly number[]) {
  const [t, f] = [values.get("table")!, values.get("fused")!];
  const found = { table: new Array<number>(10).fill(0), fused: new Array<number>(8).fill(0) };
  for (const row of rows) {
    for (const out of [0, 1]) {
      const dot = (start: number) => t[2 * row]! * f[start]! + t[2 * row + 1]! * f[start + 1]!;
      const [a, b] = [2 * out, 4 + 2 * out];
      for (const i of [0, 1]) {
        found.table[2 * row + i]! += f[a + i]! * dot(b) + f[b + i]! * dot(a);
        found.fused[a + i]! += t[2 * row + i]! * dot(b);
        found.fused[b + i]! += t[2 * row + i]! * dot(a);
      }
    }
  }
  return found;
}

test("gradients overwrite the arrays in every run, and parameters do not change", async () => {
  const graph = await compile();
  expect([...graph.reads].sort()).toEqual(["fused", "table"]);
  expect([...graph.writes].sort()).toEqual(["fused", "table"]);
  const values = arrays((i) => i - 3);
  const before = contents(values);
  const gradients = arrays(() => NaN);
  for (const rows of [
    [0, 4, 4],
    [2, 1, 2],
    [2, 1, 2],
  ] as const) {
    const outputs = await graph.run(ids(...rows), values, gradients);
    expect(outputs.first!.shape).toEqual([3, 2]);
    expect(Object.keys(outputs).sort()).toEqual(["first", "loss"]);
    expect(contents(gradients)).toEqual(expectedGradients(values, rows));
    expect(contents(values)).toEqual(before);
  }
  values.get("fused")![0]! += 1;
  await graph.run(ids(0, 1, 2), values, gradients);
  expect(contents(gradients)).toEqual(expectedGradients(values, [0, 1, 2]));
  await graph.dispose();
});

test("arrays are transferred without a copy, and back", async () => {
  const graph = await compile();
  const [values, gradients] = [arrays((i) => i), arrays(() => 0)];
  const spare = new Float32Array(1);
  values.set("unread", spare);
  const transferred = [values.get("table")!, gradients.get("fused")!];
  const run = graph.run(ids(0, 1, 2), values, gradients);
  expect(transferred.map(({ length }) => length)).toEqual([0, 0]);
  expect(values.get("table")!.length).toBe(0);
  await run;
  expect([...values, ...gradients].map(([name, { length }]) => `${name} ${length}`)).toEqual([
    "table 10",
    "fused 8",
    "unread 1",
    "table 10",
    "fused 8",
  ]);
  expect(values.get("unread")).toBe(spare);
  await graph.dispose();
});

test("arrays are transferred back unchanged from a run that fails", async () => {
  const graph = await compile();
  const [values, gradients] = [arrays((i) => i), arrays(() => 7)];
  const before = contents(values);
  await expect(graph.run(ids(0, 5, 1), values, gradients)).rejects.toThrow(/indices.*out of/i);
  expect(contents(values)).toEqual(before);
  expect([...gradients.values()].map(({ length }) => length)).toEqual([10, 8]);
  await graph.run(ids(0, 4, 1), values, gradients);
  expect(contents(gradients)).toEqual(expectedGradients(values, [0, 4, 1]));
  await graph.dispose();
});

test("arrays that cannot be transferred are refused by name, and no array is transferred", async () => {
  const graph = await compile();
  const messages: string[] = [];
  const attempt = async (feeds: Record<string, HostTensor>, change: (values: Arrays, gradients: Arrays) => void) => {
    const [values, gradients] = [arrays((i) => i), arrays(() => 0)];
    change(values, gradients);
    const before = [contents(values), contents(gradients)];
    messages.push(await graph.run(feeds, values, gradients).then(() => "nothing", String));
    expect([contents(values), contents(gradients)]).toEqual(before);
  };
  const good = ids(0, 1, 2);
  await attempt(good, (values) => values.delete("fused"));
  await attempt(good, (_, gradients) => gradients.delete("table"));
  await attempt(good, (values) => values.set("table", new Float32Array(12).subarray(0, 10)));
  await attempt(good, (_, gradients) => gradients.set("table", new Float32Array(12).subarray(2)));
  // Two names with one array, as in a call that kept the process alive for ever.
  const shared = new Float32Array(10);
  await attempt(good, (values, gradients) => void (values.set("table", shared), gradients.set("table", shared)));
  await attempt(good, (values) => void (values.set("table", shared), values.set("fused", shared)));
  await attempt({}, () => undefined);
  await attempt({ ids: HostTensor.zeros("int64", [4]) }, () => undefined);
  expect(messages.join("\n")).toMatchInlineSnapshot(`
    "InputError: fused: expected an array that fills its own ArrayBuffer, found undefined.
    InputError: table: expected an array that fills its own ArrayBuffer, found undefined.
    InputError: table: expected an array that fills its own ArrayBuffer, found a view of a larger one.
    InputError: table: expected an array that fills its own ArrayBuffer, found a view of a larger one.
    InputError: table: expected an array that fills its own ArrayBuffer, found the ArrayBuffer of the parameter table. Copy one of the two arrays.
    InputError: fused: expected an array that fills its own ArrayBuffer, found the ArrayBuffer of the parameter table. Copy one of the two arrays.
    InputError: ids: expected int64[3], found undefined.
    InputError: ids: expected int64[3], found int64[4]."
  `);
  await graph.dispose();
});

// Found: the second run was sent arrays without memory and never answered.
test("two runs at a time cannot have the same arrays", { timeout: 1_000 }, async () => {
  const graph = await compile();
  const [values, gradients] = [arrays((i) => i), arrays(() => 0)];
  const first = graph.run(ids(0, 1, 2), values, gradients);
  await expect(graph.run(ids(0, 1, 2), values, gradients)).rejects.toThrow(/^(fused|table): expected/);
  await first;
  expect(contents(gradients)).toEqual(expectedGradients(values, [0, 1, 2]));
  await graph.dispose();
});

test("a graph without gradients runs in eval mode; a disposed graph loses no arrays", async () => {
  const graph = await runtime.compileTraining({ loss }, []);
  const values = arrays((i) => i);
  expect(graph.writes).toEqual([]);
  const first = await graph.run(ids(0, 1, 2), values, new Map());
  expect(await graph.run(ids(0, 1, 2), values, new Map())).toEqual(first);
  await graph.dispose();
  await expect(graph.run(ids(0, 1, 2), values, new Map())).rejects.toThrow("the session was released");
  expect(contents(values)).toEqual(contents(arrays((i) => i)));
});
