import { expect, test } from "vitest";

import { ByteCache } from "./byte-cache.js";

test("keeps the most recently used entries within its limit of bytes", async () => {
  const made: string[] = [];
  const cache = new ByteCache<string>(10, (value) => value.length);
  const get = (key: string, length: number) =>
    cache.get(key, () => {
      made.push(key);
      return Promise.resolve("x".repeat(length));
    });
  await get("a", 4);
  await get("b", 4);
  await get("a", 4);
  await get("c", 4);
  await get("a", 4);
  await get("b", 4);
  expect(made).toEqual(["a", "b", "c", "b"]);
  await get("large", 100);
  await get("large", 100);
  await get("a", 4);
  expect(made).toEqual(["a", "b", "c", "b", "large", "a"]);
});

test("makes a value once for all that ask at the same time, and again after a failure", async () => {
  const cache = new ByteCache<string>(10, (value) => value.length);
  let made = 0;
  const make = async () => {
    await Promise.resolve();
    if (++made === 1) throw new Error("no");
    return "x";
  };
  const both = await Promise.allSettled([cache.get("a", make), cache.get("a", make)]);
  expect([both.map(({ status }) => status), made]).toEqual([["rejected", "rejected"], 1]);
  expect([await cache.get("a", make), made]).toEqual(["x", 2]);
});
