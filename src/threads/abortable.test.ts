import { expect, test, vi } from "vitest";
import { abortable, onAbort } from "./abortable.js";

test("settles as the work does, unless the signal is aborted before", async () => {
  const { signal } = new AbortController();
  expect(await abortable(Promise.resolve(1), signal)).toBe(1);
  expect(await abortable(Promise.resolve(1), undefined)).toBe(1);
  await expect(abortable(Promise.reject(new Error("failed")), signal)).rejects.toThrow("failed");
  const reason = new Error("stopped");
  await expect(abortable(Promise.resolve(1), AbortSignal.abort(reason))).rejects.toBe(reason);
});

test("rejects at once when the signal is aborted, and the work may fail later", async () => {
  const controller = new AbortController();
  let fail: (error: Error) => void = () => undefined;
  const work = new Promise((_, reject) => (fail = reject));
  const result = abortable(work, controller.signal);
  controller.abort("enough");
  await expect(result).rejects.toBe("enough");
  fail(new Error("too late"));
});

test("many calls of one signal add one listener, which is called for all that are pending", async () => {
  const controller = new AbortController();
  const added = vi.spyOn(controller.signal, "addEventListener");
  const calls = Array.from({ length: 30 }, () => abortable(new Promise(() => undefined), controller.signal));
  expect(await abortable(Promise.resolve("done"), controller.signal)).toBe("done");
  const [kept, removed] = [vi.fn(), vi.fn()];
  onAbort(controller.signal, kept);
  onAbort(controller.signal, removed)();
  expect(added).toHaveBeenCalledTimes(1);
  controller.abort("enough");
  const results = await Promise.allSettled(calls);
  expect(results.every((result) => result.status === "rejected" && result.reason === "enough")).toBe(true);
  expect([kept.mock.calls.length, removed.mock.calls.length]).toEqual([1, 0]);
});
