import { expect, test } from "vitest";
import { assign } from "./assign.js";
import { trainingSettings } from "./run-settings.js";

function assigned(settings: Record<string, unknown>, ...assignments: string[]): unknown {
  for (const assignment of assignments) assign(settings, assignment);
  return settings;
}

test("values are parsed as JSON if they are JSON, otherwise as text", () => {
  const all = ["a=1e-4", "b=true", 'c=["x"]', "d=roberta-base", "e=x=y", "f=", 'g="7"', "h=null", "i=a\nb"];
  expect(assigned({}, ...all)).toEqual({
    a: 1e-4,
    b: true,
    c: ["x"],
    d: "roberta-base",
    e: "x=y",
    f: "",
    g: "7",
    h: null,
    i: "a\nb",
  });
});

test("missing objects of the path are created, and existing ones extended", () => {
  const settings = { data: { train: "pairs" }, objectives: null };
  expect(assigned(settings, "data.validation=more", "validation.limit=5", "objectives.itm=1")).toEqual({
    data: { train: "pairs", validation: "more" },
    validation: { limit: 5 },
    objectives: { itm: 1 },
  });
});

test("entries of lists go by number", () => {
  const settings = { data: { train: ["a", { path: "b" }] } };
  expect(assigned(settings, "data.train.0=c", "data.train.1.split=test", "data.train.2=d")).toEqual({
    data: { train: ["c", { path: "b", split: "test" }, "d"] },
  });
  expect(() => assign({ list: ["a"] }, "list.2=b")).toThrow(
    "--set list.2: expected the number of an entry, 0 to 1, found 2.",
  );
  expect(() => assign({ list: ["a"] }, "list.length=0")).toThrow(
    "expected the number of an entry, 0 to 1, found length.",
  );
});

test("a field of a preset is changed alone, and the preset is not", () => {
  const given = () => ({ recipe: "irtr_f30k_base", output: "run", start: [] });
  const plain = trainingSettings(given());
  const changed = (...assignments: string[]) => trainingSettings(assigned(given(), ...assignments));
  expect(plain.data.validation).toBeDefined();
  expect(changed("data.train=x.arrow")).toEqual({ ...plain, data: { ...plain.data, train: ["x.arrow"] } });
  expect(changed("objectives.itm=0.5")).toEqual({ ...plain, objectives: { ...plain.objectives, itm: 0.5 } });
  expect(changed("validation.limit=5", "config.hidden_size=8")).toEqual({
    ...plain,
    validation: { ...plain.validation, limit: 5 },
    config: { ...plain.config, hidden_size: 8 },
  });
  // A value of the settings, or a whole one, still replaces that of the preset.
  expect(trainingSettings(assigned({ ...given(), data: { train: "a" } }, "data.train=b")).data).toEqual({
    train: ["b"],
  });
  expect(changed('objectives={"itc":1}').objectives).toEqual({ itc: 1 });
  expect(trainingSettings(given())).toEqual(plain);
});

test("a value in the way is not thrown away", () => {
  expect(() => assign({ data: { train: "pairs" } }, "data.train.split=test")).toThrow(
    '--set data.train.split: expected an object or a list at data.train, found "pairs". Set all of it, as JSON.',
  );
});

test.each(["__proto__.x=1", "__proto__=1", "config.__proto__.x=1", "=1", "a", "a..b=1", ".a=1", "a.=1", "a b=1"])(
  "%j is no assignment",
  (assignment) => {
    expect(() => assign({}, assignment)).toThrow(/^--set: expected name=value, such as learning_rate=1e-4, found /);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  },
);

test("names of Object.prototype are fields like others", () => {
  const settings: Record<string, unknown> = {};
  assign(settings, "constructor.prototype.x=1");
  assign(settings, 'config={"__proto__":{"y":1}}');
  expect(Object.keys(settings)).toEqual(["constructor", "config"]);
  expect(({} as { x?: unknown; y?: unknown }).x).toBeUndefined();
  expect(({} as { x?: unknown; y?: unknown }).y).toBeUndefined();
});
