import { expect, test } from "vitest";
import { GraphCache } from "./graph-cache.js";

/** Graphs that are called by their keys, and a log of what became of them. */
function logged() {
  const log: string[] = [];
  const compile = (key: string) => () => {
    log.push(`compile ${key}`);
    const dispose = () => {
      log.push(`free ${key}`);
      return Promise.resolve();
    };
    return Promise.resolve({ key, dispose });
  };
  return { log, compile };
}

const nameOf = ({ key }: { readonly key: string }) => Promise.resolve(key);

test("beyond the limit the graph that was used least recently is freed", async () => {
  const { log, compile } = logged();
  const cache = new GraphCache<{ readonly key: string; dispose(): Promise<void> }>(2);
  for (const key of ["a", "b", "a", "c", "a", "b"]) expect(await cache.use(key, compile(key), nameOf)).toBe(key);
  expect(log).toEqual(["compile a", "compile b", "compile c", "free b", "compile b", "free c"]);
  await cache.dispose();
  expect(log.slice(6)).toEqual(["free a", "free b"]);
});

test("a graph in use is not freed before its run has ended", async () => {
  const { log, compile } = logged();
  const cache = new GraphCache<{ readonly key: string; dispose(): Promise<void> }>(1);
  await cache.use("a", compile("a"), async () => {
    await cache.use("b", compile("b"), nameOf);
    expect(log).toEqual(["compile a", "compile b", "free b"]);
  });
  expect(await cache.use("a", compile("a"), nameOf)).toBe("a");
  expect(log).toHaveLength(3);
});

test("a graph that failed to compile is compiled again, and two callers share one compilation", async () => {
  const { log, compile } = logged();
  const cache = new GraphCache<{ readonly key: string; dispose(): Promise<void> }>(2);
  await expect(cache.use("a", () => Promise.reject(new Error("no memory")), nameOf)).rejects.toThrow("no memory");
  expect(await Promise.all([cache.use("a", compile("a"), nameOf), cache.use("a", compile("a"), nameOf)])).toEqual([
    "a",
    "a",
  ]);
  expect(log).toEqual(["compile a"]);
});

test("a caller that aborts leaves the graph to others", async () => {
  const { log, compile } = logged();
  const cache = new GraphCache<{ readonly key: string; dispose(): Promise<void> }>(2);
  const reason = new Error("stopped");
  await expect(cache.acquire("a", compile("a"), AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(await cache.use("a", compile("a"), nameOf)).toBe("a");
  expect(log).toEqual(["compile a"]);
});
