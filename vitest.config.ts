import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url));

/** Image workers run from the built package: from the sources each of them would load tsx first, which takes half a second. */
const builtImageWorker = {
  name: "built-image-worker",
  enforce: "pre" as const,
  transform: (code: string, id: string) =>
    id.endsWith("/src/data/loader/image-threads.ts")
      ? code.replace('"./image-worker.js"', '"../../../dist/data/loader/image-worker.js"')
      : undefined,
};

export default defineConfig({
  plugins: [builtImageWorker],
  // As in tsconfig.json: tests of the workspace need no build.
  resolve: {
    alias: [
      { find: /^bridgetower$/, replacement: source("index.ts") },
      { find: /^bridgetower\/(\w+)$/, replacement: source("$1/index.ts") },
    ],
  },
  test: {
    globalSetup: ["./scripts/build-if-changed.ts"],
    include: [
      "src/**/*.test.ts",
      "fixtures/**/*.test.ts",
      "examples/**/*.test.ts",
      "fuzz/**/*.test.ts",
      "scripts/**/*.test.ts",
      "package-tests/**/*.test.ts",
      "emoji/**/*.test.ts",
    ],
    exclude: [...configDefaults.exclude, "**/*.slow.test.ts"],
    // ONNX Runtime sessions take both cores; files run one after another so that no test starves another.
    maxWorkers: 2,
    // The files of a worker share its process and what they import. `vi.mock` of a source file would not reach what is imported already.
    isolate: false,
    testTimeout: 60_000,
  },
});
