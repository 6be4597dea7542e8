import { defineConfig } from "vitest/config";

/** Tests that start many processes or take long, which `npm run check` leaves out. */
export default defineConfig({
  test: {
    globalSetup: ["./vitest.setup.ts"],
    include: ["src/**/*.slow.test.ts"],
    maxWorkers: 1,
    testTimeout: 300_000,
  },
});
