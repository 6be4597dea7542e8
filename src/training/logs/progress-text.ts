/** The progress of a training run after a step. */
export interface StepProgress {
  /** Steps done. */
  readonly step: number;
  readonly max_steps: number;
  readonly epoch: number;
  /** The weighted sum. */
  readonly loss: number;
  /** By objective. */
  readonly losses: Readonly<Record<string, number>>;
  readonly pairsPerSecond: number;
  /** Undefined until it can be estimated. */
  readonly secondsLeft?: number;
}

const maxColumns = 100;

/**
 * The progress of a run in one line of at most 100 columns, for a terminal.
 * @example
 * const progress = { step: 120, max_steps: 700, epoch: 1.9, loss: 2.3, losses: { itm: 0.6, mlm: 1.7 }, pairsPerSecond: 63, secondsLeft: 250 };
 * console.log(progressText(progress)); // step 120/700 · epoch 1.9 · loss 2.30 (itm 0.60 mlm 1.70) · 63 pairs/s · 4 min 10 s left
 */
export function progressText(progress: StepProgress): string {
  const { step, max_steps, epoch, loss, losses, pairsPerSecond, secondsLeft } = progress;
  const parts = Object.entries(losses).map(([name, value]) => `${name} ${short(value)}`);
  // The loss of a single objective is the loss, except for its weight.
  for (let shown = parts.length === 1 ? 0 : parts.length; ; shown--) {
    const rest = shown < parts.length ? " …" : "";
    const detail = shown === 0 ? "" : ` (${parts.slice(0, shown).join(" ")}${rest})`;
    const line = [
      `step ${step}/${max_steps}`,
      `epoch ${epoch.toFixed(epoch < 1 ? 2 : 1)}`,
      `loss ${short(loss)}${detail}`,
      `${pairsPerSecond.toFixed(pairsPerSecond < 10 ? 1 : 0)} pairs/s`,
      ...(secondsLeft === undefined ? [] : [`${durationText(secondsLeft)} left`]),
    ].join(" · ");
    if (line.length <= maxColumns || shown === 0) return line;
  }
}

/** The two largest units: `45 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pairs = [
    [86_400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ] as const;
  for (const [large, largeName, small, smallName] of pairs) {
    if (whole < large) continue;
    const rest = Math.floor((whole % large) / small);
    return `${Math.floor(whole / large)} ${largeName}${rest === 0 ? "" : ` ${rest} ${smallName}`}`;
  }
  return `${whole} s`;
}

const short = (value: number): string =>
  Math.abs(value) >= 0.1 || value === 0 ? value.toFixed(2) : value.toPrecision(2);
