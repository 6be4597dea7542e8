import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunLog, writeCurves } from "./index.js";
import { temporaryFolder } from "./temporary-folder.test-support.js";

test("losses and metrics have separate panels; times and non-numbers have none", async () => {
  const output = await temporaryFolder();
  const log = await RunLog.open(output);
  for (let step = 1; step <= 20; step++) {
    await log.append({
      step,
      epoch: step / 9,
      loss: 2 / step,
      loss_itm: 1 / step,
      learning_rate: 1,
      lossy: 3,
      grad_norm: 4,
    });
    if (step % 5 !== 0) continue;
    await log.append({
      step,
      eval_loss: 3 / step,
      eval_itm_loss: 1,
      eval_itm_accuracy: 0.9,
      eval_runtime: 7,
      eval_rows: 64,
    });
    await log.append({
      step,
      eval_r_mean: step / 20,
      eval_rsum: 500 + step,
      eval_ir_r1: 0.5,
      eval_note: "x",
      eval_the_metric: -0.5,
    });
  }
  await log.close();
  const path = await writeCurves(output);
  expect(path).toBe(join(output, "curves.svg"));
  const svg = await readFile(path!, "utf8");
  const legends = [...svg.matchAll(/<g fill="[^"]+"><text[^>]*>([^<]*)</g)].map(([, label]) => label);
  expect(legends).toEqual(["loss_itm", "loss", "itm_loss", "loss", "r_mean", "itm_accuracy"]);
  expect(svg).toContain('viewBox="0 0 560 1200"');
  expect(svg.match(/<path d="M[^"]*L/g)?.length).toBe(legends.length);
  await writeCurves(output);
  expect(await readFile(path!, "utf8")).toBe(svg);
});

test("a log without numbers gives no file", async () => {
  const output = await temporaryFolder();
  expect(await writeCurves(output)).toBeUndefined();
  await writeFile(join(output, "log.jsonl"), '{"step":1,"note":"x","loss":null}\n');
  expect(await writeCurves(output)).toBeUndefined();
  await expect(stat(join(output, "curves.svg"))).rejects.toThrow();
});
