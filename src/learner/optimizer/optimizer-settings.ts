/** The settings of optimizer and schedule, under the names of the authors' code: defaults and limits in one table. */
import { InputError, nearestHint, shortJson } from "../../errors.js";

export interface ScheduleSettings {
  /** Peak learning rate of the base group. */
  readonly learning_rate: number;
  /** Optimizer steps over which the rate rises from 0: a number of steps, or a fraction of `max_steps` between 0 and 1. */
  readonly warmup_steps: number;
  /** Power of the polynomial by which the rate falls, 1 for a straight line; or half a cosine wave. */
  readonly decay_power: number | "cosine";
  /** The rate that the base group ends at. */
  readonly end_lr: number;
  /** Optimizer steps of the whole run. */
  readonly max_steps: number;
}

export interface GroupSettings {
  readonly weight_decay: number;
  /** Factor on the learning rate of the task heads. */
  readonly lr_mult_head: number;
  /** Factor on the learning rate of the cross-modal layers, transforms, link towers and poolers. */
  readonly lr_mult_cross_modal: number;
}

/** `decoupled`: torch.optim.AdamW; `original`: AdamW of transformers 4.17, which the authors trained with. */
export type AdamWForm = "decoupled" | "original";

export interface OptimizerSettings extends ScheduleSettings, GroupSettings {
  readonly adamw: AdamWForm;
  /** Muon updates the matrices of the layers, AdamW all else. */
  readonly muon: boolean;
  readonly betas: readonly [beta1: number, beta2: number];
  readonly eps: number;
  /** Gradients are clipped to this L2 norm, all together. The authors do not clip. */
  readonly max_grad_norm: number | undefined;
  /** Keeps e = d·e + (1 - d)·p of every parameter p. The authors do not. */
  readonly ema_decay: number | undefined;
}

interface Rule {
  readonly expected: string;
  /** Absent if the setting must be given. */
  readonly fallback?: unknown;
  readonly accepts: (value: unknown) => boolean;
}

const isNumber = (value: unknown, accepts: (x: number) => boolean): boolean =>
  typeof value === "number" && Number.isFinite(value) && accepts(value);
const isDecay = (value: unknown): boolean => isNumber(value, (x) => x >= 0 && x < 1);

const optional = ({ expected, accepts }: Rule): Rule => ({
  expected,
  fallback: undefined,
  accepts: (value) => value === undefined || accepts(value),
});
const positive: Rule = { expected: "a finite number above 0", accepts: (value) => isNumber(value, (x) => x > 0) };
const nonNegative: Rule = {
  expected: "a finite number, 0 or more",
  accepts: (value) => isNumber(value, (x) => x >= 0),
};

const rules: Readonly<Record<keyof OptimizerSettings, Rule>> = {
  learning_rate: positive,
  warmup_steps: {
    expected: "a whole number of steps, or a fraction of max_steps between 0 and 1",
    accepts: (value) => isNumber(value, (x) => x >= 0 && (x < 1 || Number.isInteger(x))),
  },
  max_steps: {
    expected: "a whole number of steps, 1 or more",
    accepts: (value) => isNumber(value, (x) => x >= 1 && Number.isSafeInteger(x)),
  },
  decay_power: {
    expected: 'a finite number above 0, or "cosine"',
    fallback: 1,
    accepts: (value) => value === "cosine" || positive.accepts(value),
  },
  end_lr: { ...nonNegative, fallback: 0 },
  weight_decay: { ...nonNegative, fallback: 0.01 },
  lr_mult_head: { ...nonNegative, fallback: 5 },
  lr_mult_cross_modal: { ...nonNegative, fallback: 5 },
  adamw: {
    expected: '"decoupled" or "original"',
    fallback: "original",
    accepts: (value) => value === "decoupled" || value === "original",
  },
  muon: { expected: "true or false", fallback: false, accepts: (value) => typeof value === "boolean" },
  betas: {
    expected: "two numbers, 0 or more and below 1",
    fallback: [0.9, 0.98],
    accepts: (value) => Array.isArray(value) && value.length === 2 && value.every(isDecay),
  },
  eps: { ...positive, fallback: 1e-8 },
  max_grad_norm: optional(positive),
  ema_decay: optional({ expected: "a number, 0 or more and below 1", accepts: isDecay }),
};

/** Names of all settings of the optimizer. */
export const optimizerSettingNames: readonly string[] = Object.keys(rules);

/**
 * Settings with the authors' defaults filled in, checked.
 * @param given  may come from a file: every name and value is checked
 * @throws InputError naming the setting that is wrong, missing or unknown
 * @example
 * const settings = optimizerSettings({ learning_rate: 1e-4, warmup_steps: 10, max_steps: 100 });
 * console.log(settings.betas, settings.weight_decay); // [ 0.9, 0.98 ] 0.01
 */
export function optimizerSettings(
  given: Partial<OptimizerSettings> & Pick<OptimizerSettings, "learning_rate" | "warmup_steps" | "max_steps">,
): OptimizerSettings {
  const values: Readonly<Record<string, unknown>> = { ...given };
  const unknown = Object.keys(values).find((name) => !Object.hasOwn(rules, name));
  if (unknown !== undefined) {
    throw new InputError({
      code: "invalid-setting",
      where: unknown,
      expected: "a setting of the optimizer",
      found: "an unknown name",
      hint: nearestHint(unknown, Object.keys(rules)) ?? `There are ${Object.keys(rules).join(", ")}`,
    });
  }
  const entries = Object.entries(rules).map(([name, rule]) => {
    const value = values[name] ?? rule.fallback;
    if (rule.accepts(value)) return [name, value] as const;
    const found = shortJson(value);
    throw new InputError({ code: "invalid-setting", where: name, expected: rule.expected, found });
  });
  const checked: object = Object.fromEntries(entries);
  // Each field was checked by its own rule.
  const settings = checked as OptimizerSettings;
  if (settings.warmup_steps > settings.max_steps) {
    throw new InputError({
      code: "invalid-setting",
      where: "warmup_steps",
      expected: `at most max_steps ${settings.max_steps}`,
      found: String(settings.warmup_steps),
      hint: "Give a fraction such as 0.1, or train longer",
    });
  }
  return settings;
}
