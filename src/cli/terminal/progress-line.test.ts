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

test("the clock of repeated work starts at the first report of each round", () => {
  const { line, written, clock } = terminal(true);
  const report = line.startAtFirstReport("rows");
  for (const [now, done] of [
    [3_600_000, 2],
    [3_601_000, 4],
    [7_200_000, 2],
    [7_201_000, 4],
  ] as const) {
    clock.now = now;
    report(done, 8);
  }
  const round = ["\r\u001b[Krows 2/8", "\r\u001b[Krows 4/8, 4.0/s, 1 s left"];
  expect(written).toEqual([...round, ...round]);
});

test("a round that starts with as many items as the one before had has its own clock", () => {
  const { line, written, clock } = terminal(true);
  const report = line.startAtFirstReport("rows");
  for (const [now, done, total] of [
    [1000, 12, 12],
    [3_600_000, 12, 12],
    [7_200_000, 16, 20],
    [7_202_000, 20, 20],
  ] as const) {
    clock.now = now;
    report(done, total);
  }
  expect(written.map((text) => text.slice("\r\u001b[K".length))).toEqual([
    "rows 12/12",
    "rows 12/12",
    "rows 16/20",
    "rows 20/20, 10/s, 0 s left",
  ]);
});

test("a terminal that reports no columns has 80", () => {
  const { line, written, clock } = terminal(true, 0);
  const report = line.start("pairs");
  clock.now = 1000;
  report(1, 2);
  expect(written).toEqual(["\r\u001b[Kpairs 1/2, 1.0/s, 1 s left"]);
});

test("nothing is written if the stream is not a terminal", () => {
  const { line, written, clock } = terminal(false);
  const report = line.start("pairs");
  clock.now = 1000;
  report(1, 2);
  line.clear();
  expect(written).toEqual([]);
});
