import { appendFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readLog, RunLog, type LogRecord } from "./index.js";
import { temporaryFolder } from "./temporary-folder.test-support.js";

async function logged(output: string): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of readLog(output)) records.push(record);
  return records;
}

/** What a run logs after `step` steps; the time differs from run to run. */
function recordsOf(step: number, seconds: number): LogRecord[] {
  const training = { step, epoch: step / 8, loss: 1 / step, learning_rate: 1e-5 / 3, seconds };
  return step % 4 === 0 ? [training, { step, epoch: step / 8, eval_loss: 2 / step }] : [training];
}

async function run(output: string, from: number, to: number, seconds: number, fromStep?: number): Promise<void> {
  const log = await RunLog.open(output, { fromStep });
  for (let step = from; step <= to; step++) for (const record of recordsOf(step, seconds)) await log.append(record);
  await log.sync();
  await log.close();
}

test("a killed and resumed run has the log of an uninterrupted one, except for times", async () => {
  const [whole, resumed] = [await temporaryFolder(), await temporaryFolder()];
  await run(whole, 1, 12, 1);
  await run(resumed, 1, 7, 2);
  await appendFile(join(resumed, "log.jsonl"), '{"step":8,"epo');
  await run(resumed, 5, 12, 3, 4);
  const lines = async (output: string) =>
    (await readFile(join(output, "log.jsonl"), "utf8")).replace(/"seconds":\d/g, '"seconds":0').split("\n");
  expect(await lines(resumed)).toEqual(await lines(whole));
  expect(await readdir(resumed)).toEqual(["log.jsonl"]);
});

test("kept records are not changed", async () => {
  const output = await temporaryFolder();
  const line = '{"loss":1e-05,  "step":3, "note":"é"}\n';
  await writeFile(join(output, "log.jsonl"), line);
  await (await RunLog.open(output, { fromStep: 3 })).close();
  expect(await readFile(join(output, "log.jsonl"), "utf8")).toBe(line);
});

test("resuming from step 0 empties the log, including a validation before the first step", async () => {
  const output = await temporaryFolder();
  await writeFile(join(output, "log.jsonl"), '{"step":0,"eval_loss":1}\n{"step":1}\n');
  const log = await RunLog.open(output);
  await log.append({ step: 0, eval_loss: 2 });
  await log.close();
  expect(await logged(output)).toEqual([{ step: 0, eval_loss: 2 }]);
  // The records of both earlier runs are kept.
  await (await RunLog.open(output)).close();
  await (await RunLog.open(output)).close();
  expect((await readdir(output)).sort()).toEqual(["log.1.jsonl", "log.2.jsonl", "log.jsonl"]);
  expect(await readFile(join(output, "log.1.jsonl"), "utf8")).toBe('{"step":0,"eval_loss":1}\n{"step":1}\n');
  expect(await readFile(join(output, "log.2.jsonl"), "utf8")).toBe('{"step":0,"eval_loss":2}\n');
});

test("lines that are not records are dropped, in a log of hostile bytes too", async () => {
  const output = await temporaryFolder();
  const invalid = ["", "null", "[1]", '{"step":"2"}', '{"step":1.5}', '{"loss":1}', "\u0000\ufffd", "{", "5"];
  const long = `{"step":1,"text":"${"x".repeat(3 * 2 ** 20)}"}`;
  const path = join(output, "log.jsonl");
  await writeFile(path, ['{"step":1}', ...invalid, long, '{"step":2}'].join("\n"));
  await appendFile(path, Buffer.from([10, 0xff, 0xfe, 10]));
  expect(await logged(output)).toEqual([{ step: 1 }, { step: 2 }]);
  const log = await RunLog.open(output, { fromStep: 9 });
  await log.close();
  expect(await readFile(path, "utf8")).toBe('{"step":1}\n{"step":2}\n');
});

test("a last line without its line break is a record", async () => {
  const output = await temporaryFolder();
  await writeFile(join(output, "log.jsonl"), '{"step":1}\n{"step":2}');
  const log = await RunLog.open(output, { fromStep: 2 });
  await log.append({ step: 3 });
  await log.close();
  expect(await logged(output)).toEqual([{ step: 1 }, { step: 2 }, { step: 3 }]);
});

test("records longer than a chunk are written completely", async () => {
  const output = await temporaryFolder();
  const records = Array.from({ length: 3000 }, (_, step) => ({ step, text: "é".repeat(40) }));
  await writeFile(join(output, "log.jsonl"), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  await (await RunLog.open(output, { fromStep: 2500 })).close();
  expect(await logged(output)).toEqual(records.slice(0, 2501));
});

test("non-finite numbers are null, and appended records can be read at once", async () => {
  const output = await temporaryFolder();
  const log = await RunLog.open(join(output, "new", "run"));
  await log.append({ step: 1, loss: NaN });
  expect(await logged(join(output, "new", "run"))).toEqual([{ step: 1, loss: null }]);
  await log.close();
});

test("a run without a log has no records; a folder in its place is an error", async () => {
  const output = await temporaryFolder();
  expect(await logged(output)).toEqual([]);
  await mkdir(join(output, "log.jsonl"));
  await expect(logged(output)).rejects.toThrow("log.jsonl: expected a file, found a folder.");
  await expect(RunLog.open(output)).rejects.toThrow("log.jsonl");
});
