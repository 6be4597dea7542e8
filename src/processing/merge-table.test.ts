import { expect, test } from "vitest";
import { MergeTable } from "./merge-table.js";

test("finds each of many pairs again, and no other", () => {
  const size = 120;
  const table = new MergeTable(size * size);
  for (let i = 0; i < size * size; i++) table.set(i, i % size, Math.floor(i / size), i + 7);
  for (let i = 0; i < size * size; i++) {
    expect(table.rankOf(i % size, Math.floor(i / size))).toBe(i);
    expect(table.resultOf(i)).toBe(i + 7);
  }
  expect([table.rankOf(0, size), table.rankOf(size, 0), new MergeTable(0).rankOf(0, 0)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("if a pair occurs twice, the later rank is used", () => {
  const table = new MergeTable(3);
  table.set(0, 1, 2, 3);
  table.set(1, 2, 1, 4);
  table.set(2, 1, 2, 5);
  expect(table.rankOf(1, 2)).toBe(2);
});
