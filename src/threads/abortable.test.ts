import { expect, test } from "vitest";
import { abortable } from "./abortable.js";

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
