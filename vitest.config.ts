import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: ["./vitest.setup.ts"],
    include: [
      "src/**/*.test.ts",
      "fixtures/**/*.test.ts",
      "examples/**/*.test.ts",
      "scripts/**/*.test.ts",
      "package-tests/**/*.test.ts",
    ],
    exclude: [...configDefaults.exclude, "**/*.slow.test.ts"],
    // ONNX Runtime sessions take both cores; files run one after another so that no test starves another.
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
