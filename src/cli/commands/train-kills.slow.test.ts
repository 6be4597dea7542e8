import { test } from "vitest";
import { compareKilledRun } from "./train-runs.test-support.js";

test("killed at twenty random moments, a run writes the log and weights of an uninterrupted one", () =>
  compareKilledRun({ kills: 20, max_steps: 100 }));
