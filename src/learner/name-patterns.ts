/** Settings that name parameters by pattern. */
import { InputError, nearestHint } from "../errors.js";

/**
 * Whether a name matches one of the patterns, in which `*` stands for any run of characters.
 * @param setting what errors call the list of patterns
 * @throws InputError for a pattern that matches none of the names
 */
export function matching(
  setting: string,
  patterns: readonly string[],
  names: readonly string[],
): (name: string) => boolean {
  const matchers = patterns.map((pattern) => {
    const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
    const matcher = new RegExp(`^${parts.join(".*")}$`);
    if (!names.some((name) => matcher.test(name))) {
      throw new InputError({
        code: "invalid-setting",
        where: `${setting} "${pattern}"`,
        expected: "the name of a parameter, with * for any run of characters",
        found: "a pattern that no parameter matches",
        hint: nearestHint(pattern, names),
      });
    }
    return matcher;
  });
  return (name) => matchers.some((matcher) => matcher.test(name));
}
