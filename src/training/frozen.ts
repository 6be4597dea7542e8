import { InputError, nearestNames } from "../errors.js";
import type { Parameter } from "../graph/index.js";

/** Whether a name matches one of the patterns. @throws InputError for a pattern that matches nothing */
export function frozenBy(patterns: readonly string[], parameters: readonly Parameter[]): (name: string) => boolean {
  const matchers = patterns.map((pattern) => {
    const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
    const matcher = new RegExp(`^${parts.join(".*")}$`);
    if (!parameters.some(({ name }) => matcher.test(name))) {
      const near = nearestNames(
        pattern,
        parameters.map(({ name }) => name),
      );
      throw new InputError({
        where: `frozen "${pattern}"`,
        expected: "the name of a parameter, with * for any run of characters",
        found: "a pattern that no parameter matches",
        ...(near.length === 0 ? {} : { mend: `The nearest is ${near.join(" or ")}` }),
      });
    }
    return matcher;
  });
  return (name) => matchers.some((matcher) => matcher.test(name));
}
