import { configDefaults, defineConfig } from "vitest/config";
import check from "./vitest.config.js";

/** Tests that start many processes or take long, which `npm run check` leaves out. */
export default defineConfig({
  ...check,
  test: {
    ...check.test,
    include: ["{src,scripts,examples,emoji}/**/*.slow.test.ts"],
    exclude: configDefaults.exclude,
    maxWorkers: 1,
    testTimeout: 300_000,
  },
});
