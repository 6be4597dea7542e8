import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { Optimizer, optimizerSettings } from "./index.js";
import { OptimizerThread, partition } from "./optimizer-threads.js";

const ones = (size: number) => new Float32Array(size).fill(1);

test("a call returns the sums and the arrays", async () => {
  const thread = new OptimizerThread();
  const gradients = Float32Array.of(3, 4);
  const call = thread.call({ call: "sumsOfSquares", arrays: [{ gradients }] });
  expect(gradients.length).toBe(0);
  const { sums, arrays } = await call;
  expect(sums).toEqual([25]);
  expect([...arrays[0]!.gradients]).toEqual([3, 4]);
  await thread.end();
  await expect(thread.call({ call: "sumsOfSquares", arrays: [] })).rejects.toThrow("was disposed of");
});

test("the arrays of a dead thread are removed from the maps, the others are returned, and no further step is taken", async () => {
  const settings = optimizerSettings({ learning_rate: 1, warmup_steps: 0, max_steps: 9 });
  const parameters = [
    { name: "large", shape: [8] },
    { name: "small", shape: [2] },
    { name: "tiny", shape: [1] },
  ];
  const optimizer = new Optimizer(parameters, settings, 2);
  const values = new Map([...parameters].map(({ name, shape }) => [name, ones(shape[0]!)]));
  const gradients = new Map([...parameters].map(({ name, shape }) => [name, ones(shape[0]!)]));
  // The first thread, which has the largest parameter, dies of its first call.
  const call = vi.spyOn(OptimizerThread.prototype, "call").mockImplementation(function (
    this: OptimizerThread,
    request,
  ) {
    call.mockRestore();
    return Promise.reject(new Error(`out of memory in ${request.call}`));
  });
  await expect(optimizer.step(0, values, gradients)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[Error: a thread of the optimizer died: out of memory in sumsOfSquares. Lost with it: large, of 1 in all. Resume from the last checkpoint]`,
  );
  expect([...values.keys()]).toEqual(["large", "small", "tiny"]);
  expect([...gradients.keys()]).toEqual(["small", "tiny"]);
  expect([...gradients.get("small")!]).toEqual([1, 1]);
  await expect(optimizer.step(0, values, gradients)).rejects.toThrow("Resume from the last checkpoint");
  await optimizer.dispose();
});

const sizes = fc.array(fc.nat(1000), { maxLength: 30 }).map((sizes) => sizes.map((size, i) => ({ size, i })));

test("every item is in one part, in order, and no part exceeds the average by more than the largest item", () => {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 5 }), (things, workers) => {
      const shares = partition(things, workers);
      expect(shares.flat().sort((a, b) => a.i - b.i)).toEqual(things);
      const total = (share: readonly { size: number }[]) => share.reduce((sum, { size }) => sum + size, 0);
      const bound = total(things) / workers + Math.max(0, ...things.map(({ size }) => size));
      for (const share of shares) {
        expect(share.length).toBeGreaterThan(0);
        expect(share.map(({ i }) => i)).toEqual(share.map(({ i }) => i).sort((a, b) => a - b));
        expect(total(share)).toBeLessThanOrEqual(bound);
      }
    }),
  );
});

test("two workers get halves if the sizes allow it", () => {
  const shares = partition(
    [5, 3, 3, 2, 1].map((size) => ({ size })),
    2,
  );
  expect(shares.map((share) => share.map(({ size }) => size))).toEqual([
    [5, 2],
    [3, 3, 1],
  ]);
});
