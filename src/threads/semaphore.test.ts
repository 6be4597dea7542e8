import { expect, test } from "vitest";
import { Semaphore } from "./semaphore.js";

test("no more tasks run than the limit, in their order", async () => {
  const semaphore = new Semaphore(2);
  let [running, most] = [0, 0];
  const started: number[] = [];
  await Promise.all(
    [0, 1, 2, 3, 4, 5].map(async (i) => {
      await semaphore.acquire();
      started.push(i);
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      semaphore.release();
    }),
  );
  expect(started).toEqual([0, 1, 2, 3, 4, 5]);
  expect(most).toBe(2);
});
