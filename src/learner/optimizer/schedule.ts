/** The learning rate over the run: up in a straight line, then down. */
import type { ScheduleSettings } from "./optimizer-settings.js";

/** Steps of the warm-up; a fraction of the run is rounded down. */
export function warmupSteps({ warmup_steps, max_steps }: ScheduleSettings): number {
  return warmup_steps < 1 ? Math.floor(warmup_steps * max_steps) : warmup_steps;
}

/**
 * t/w during the warm-up of w steps; then ((lr - end)·(1 - x)^power + end)/lr, or with ½(1 + cos πx) in place of (1 - x)^power, where
 * x = (t - w)/(n - w); end/lr past the last of n steps. It multiplies the rate of every group.
 * transformers 4.17 `get_polynomial_decay_schedule_with_warmup`, `get_cosine_schedule_with_warmup`. On purpose, `end_lr`
 * is kept with the cosine too, and the cosine does not rise again past the end.
 * @param t optimizer steps already done: the first step has t = 0, and rate 0 if there is a warm-up
 */
export function learningRateFactor(t: number, settings: ScheduleSettings): number {
  const { learning_rate, decay_power, end_lr, max_steps } = settings;
  const warmup = warmupSteps(settings);
  if (t < warmup) return t / warmup;
  const end = end_lr / learning_rate;
  if (t >= max_steps) return end;
  const done = (t - warmup) / (max_steps - warmup);
  const left = decay_power === "cosine" ? (1 + Math.cos(Math.PI * done)) / 2 : (1 - done) ** decay_power;
  return (1 - end) * left + end;
}
