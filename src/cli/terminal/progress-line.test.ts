import { expect, test } from "vitest";
import { ProgressLine } from "./progress-line.js";

function terminal(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  const clock = { now: 0 };
  const line = new ProgressLine({ isTTY, columns, write: (text) => written.push(text) }, () => clock.now);
  return { line, written, clock };
}

test("count, rate and time left, at most ten times a second", () => {
  const { line, written, clock } = terminal(true);
  const report = line.start("pairs");
  for (const [now, done] of [
    [1000, 5],
    [1050, 6],
    [2000, 10],
    [4000, 400],
  ] as const) {
    clock.now = now;
    report(done, 1000);
  }
  line.clear();
  line.clear();
  expect(written).toEqual([
    "\r\u001b[Kpairs 5/1000, 5.0/s, 3 min 19 s left",
    "\r\u001b[Kpairs 10/1000, 5.0/s, 3 min 18 s left",
    "\r\u001b[Kpairs 400/1000, 100/s, 6 s left",
    "\r\u001b[K",
  ]);
});

test("bytes of a download whose size is not known, in a narrow terminal", () => {
  const { line, written, clock } = terminal(true, 40);
  const report = line.start("downloading model\u001b.safetensors", "bytes");
  clock.now = 2000;
  report(3e6, 0);
  expect(written).toEqual(["\r\u001b[Kdownloading model\\u001b.safetensors 3.0"]);
});

test("silence where there is no terminal", () => {
  const { line, written, clock } = terminal(false);
  const report = line.start("pairs");
  clock.now = 1000;
  report(1, 2);
  line.clear();
  expect(written).toEqual([]);
});
