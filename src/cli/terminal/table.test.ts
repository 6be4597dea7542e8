import { expect, test } from "vitest";
import { bar, percent, table } from "./table.js";

test("columns are aligned for letters of any width", () => {
  const rows = [
    { cells: ["9.1%", "猫", "one"] },
    { cells: ["10.0%", "e\u0301te\u0301", "two"] },
    { cells: ["0.1%", "👩‍🚀", "three"] },
  ];
  expect(table(rows, { right: [0], indent: 1 })).toBe(
    "  9.1%  猫   one\n 10.0%  été  two\n  0.1%  👩‍🚀   three\n".normalize("NFD"),
  );
});

test("the last column is wrapped to the width of a terminal only", () => {
  const rows = [{ cells: ["1", "the razor is larger than the volleyball"] }];
  expect(table(rows, { columns: 23 })).toBe("1  the razor is larger\n   than the volleyball\n");
  expect(table(rows)).toBe("1  the razor is larger than the volleyball\n");
  expect(table([{ cells: ["a wide first column", "text"] }], { columns: 5 })).toBe("a wide first column  text\n");
});

test("bold only if the terminal supports colour", () => {
  const rows = [{ cells: ["a"], strong: true }, { cells: ["b"] }];
  expect(table(rows, { colour: true })).toBe("\u001b[1ma\u001b[22m\nb\n");
  expect(table(rows)).toBe("a\nb\n");
});

test("a table without rows is empty", () => {
  expect(table([])).toBe("");
});

test.each([
  [0, "          ", "0.0%"],
  [0.006, "          ", "0.6%"],
  [0.0125, "▏         ", "1.3%"],
  [0.45, "████▌     ", "45.0%"],
  [1, "██████████", "100.0%"],
])("a probability of %d", (probability, cells, figures) => {
  expect(bar(probability)).toBe(cells);
  expect(percent(probability)).toBe(figures);
});
