import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test, vi } from "vitest";
import { WorkerThread } from "./worker-thread.js";

interface Call {
  readonly call: "double";
  readonly values: Float32Array<ArrayBuffer>;
}

interface Reply {
  readonly id: number;
  readonly values: Float32Array<ArrayBuffer>;
}

const script = `
const { parentPort } = require("node:worker_threads");
parentPort.on("message", (message) => {
  if (message.call === "end") return parentPort.close();
  const values = message.values.map((value) => 2 * value);
  parentPort.postMessage({ id: message.id, values }, [values.buffer]);
});`;

function doubling() {
  const worker = new Worker(script, { eval: true });
  const held = { now: false };
  vi.spyOn(worker, "ref").mockImplementation(() => void (held.now = true));
  vi.spyOn(worker, "unref").mockImplementation(() => void (held.now = false));
  const thread = new WorkerThread<Call, Reply>(worker, "the doubling thread");
  onTestFinished(() => thread.end(new Error("the test is over")));
  return { thread, held };
}

test("a call keeps the process alive until its reply", async () => {
  const { thread, held } = doubling();
  const reply = thread.exchange({ call: "double", values: Float32Array.of(1, 2) }, []);
  expect(held.now).toBe(true);
  expect((await reply).values).toEqual(Float32Array.of(2, 4));
  expect(held.now).toBe(false);
});

test("a call that cannot be sent fails, does not keep the process alive, and the thread takes further calls", async () => {
  const { thread, held } = doubling();
  const values = Float32Array.of(1, 2);
  const twice = thread.exchange({ call: "double", values }, [values.buffer, values.buffer]);
  await expect(twice).rejects.toThrow(/duplicate/i);
  expect(held.now).toBe(false);
  expect(values).toHaveLength(2);
  expect((await thread.exchange({ call: "double", values }, [values.buffer])).values).toEqual(Float32Array.of(2, 4));
  await expect(thread.exchange({ call: "double", values }, [values.buffer])).rejects.toThrow(/detached/i);
  expect(held.now).toBe(false);
});
