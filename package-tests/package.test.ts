/**
 * The built package as other projects use it: required from CommonJS, and bundled with esbuild. Needs `npm run build`.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { beforeAll, afterAll, expect, onTestFinished, test } from "vitest";
import packageJson from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("../", import.meta.url));
const run = promisify(execFile);
let project: string;

/** Makes packages of this repository available in `folder`. */
async function install(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const target = name === "bridgetower" ? root : join(root, "node_modules", name);
    await mkdir(dirname(join(folder, "node_modules", name)), { recursive: true });
    await symlink(target, join(folder, "node_modules", name), "junction");
  }
}

beforeAll(async () => {
  if (!existsSync(join(root, "dist/index.js"))) throw new Error("dist/ is missing: run npm run build first");
  project = await mkdtemp(join(tmpdir(), "bridgetower-project-"));
  await install(project, ["bridgetower"]);
});

afterAll(() => rm(project, { recursive: true, force: true }));

const image = JSON.stringify(join(root, "examples/images/010.png"));
const model = JSON.stringify(join(root, "models/emoji"));

test("a CommonJS module requires every subpath and runs the model", async () => {
  const file = join(project, "app.cjs");
  await writeFile(
    file,
    `const { BridgeTower } = require("bridgetower");
for (const subpath of ["learner", "training", "data", "evaluation"]) require(\`bridgetower/\${subpath}\`);
(async () => {
  const model = await BridgeTower.fromPretrained();
  const [{ probability }] = await model.match(${image}, ["a bowling ball"]);
  console.log(probability.toFixed(2));
  await model.dispose();
})();`,
  );
  const { stdout } = await run(process.execPath, ["--no-warnings", file]);
  expect(stdout).toBe("0.96\n");
});

/** Packages that a module of any package or file is loaded from. */
const recordPackages = `data:text/javascript,${encodeURIComponent(`
import { register } from "node:module";
register("data:text/javascript," + encodeURIComponent(\`
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  const name = found.url.split("/node_modules/").at(-1).match(/^(?:@[^/]+\\\\/)?[^/:]+(?=\\\\/)/);
  if (found.url.includes("/node_modules/")) process._rawDebug("package " + name);
  return found;
}\`));`)}`;

test("match loads only the packages of inference: no Arrow, Parquet, compression, MPI or schemas", async () => {
  const args = ["match", "--image", join(root, "examples/images/010.png"), "--text", "a ball"];
  const { stderr } = await run(process.execPath, [
    "--no-warnings",
    "--import",
    recordPackages,
    join(root, "bin/bridgetower.js"),
    ...args,
  ]);
  const loaded = new Set([...stderr.matchAll(/^package (.*)$/gm)].map(([, name]) => name!));
  const direct = Object.keys(packageJson.dependencies).concat(Object.keys(packageJson.optionalDependencies));
  // onnxruntime-node is loaded by the worker, which the hook does not see.
  expect(direct.filter((name) => loaded.has(name)).sort()).toEqual(["@bufbuild/protobuf", "commander", "sharp"]);
});

test("opening a folder of images with captions loads no Arrow, Parquet or compression, and reading Arrow no writer of Arrow", async () => {
  const loadedBy = async (path: string) => {
    const file = join(project, "open.mjs");
    const open = `const data = await openDataset(${JSON.stringify(path)});`;
    await writeFile(file, `import { openDataset } from "bridgetower/data";\n${open}\nawait data.close();`);
    const { stderr } = await run(process.execPath, ["--no-warnings", "--import", recordPackages, file]);
    return new Set([...stderr.matchAll(/^package (.*)$/gm)].map(([, name]) => name!));
  };
  const optional = ["apache-arrow", "fzstd", "hyparquet", "hyparquet-compressors"];
  const [folder, arrow, parquet] = [
    await loadedBy(join(root, "examples/images")),
    await loadedBy(join(root, "src/data/readers/fixtures/captions.arrow")),
    await loadedBy(join(root, "src/data/readers/fixtures/plain-none.parquet")),
  ];
  expect(optional.filter((name) => folder.has(name))).toEqual([]);
  expect(["apache-arrow", "hyparquet"].filter((name) => arrow.has(name))).toEqual([]);
  expect(["apache-arrow", "hyparquet"].filter((name) => parquet.has(name))).toEqual(["hyparquet"]);
});

test("a package with native code, or a worker file, that is missing is named with what to do", async () => {
  const app = join(project, "missing.mjs");
  await writeFile(
    app,
    `import { BridgeTower } from "bridgetower";
try {
  const model = await BridgeTower.fromPretrained(${model});
  await model.match(${image}, ["a bowling ball"]);
} catch ({ code, message }) {
  console.log(code, message);
}`,
  );
  const out = join(project, "missing");
  await build({
    entryPoints: [app, "bridgetower/session-worker"],
    absWorkingDir: project,
    bundle: true,
    platform: "node",
    format: "esm",
    outdir: out,
    entryNames: "[name]",
    external: ["onnxruntime-node", "sharp", "koffi", "undici"],
    logLevel: "error",
  });
  const elsewhere = await mkdtemp(join(tmpdir(), "bridgetower-missing-"));
  onTestFinished(() => rm(elsewhere, { recursive: true, force: true }));
  await cp(out, elsewhere, { recursive: true });
  await writeFile(join(elsewhere, "package.json"), '{ "type": "module" }');
  const message = async () => (await run(process.execPath, [join(elsewhere, "missing.js")])).stdout;
  const hint = "Install the packages again, without install scripts that download more: npm install --ignore-scripts";
  expect(await message()).toMatch(
    /^runtime-failed package onnxruntime-node: expected its files for .*Cannot find package/,
  );
  expect(await message()).toContain(hint);
  await install(elsewhere, ["onnxruntime-node"]);
  expect(await message()).toMatch(/^runtime-failed package sharp: expected its files for .*Cannot find package/);
  expect(await message()).toContain(hint);
  await rm(join(elsewhere, "session-worker.js"));
  expect(await message()).toMatch(
    /^runtime-failed session-worker\.js: expected the worker file .* Bundle bridgetower\/session-worker as an entry/,
  );
});

test("a bundle made with esbuild runs without the package: model, image threads and optimizer in their workers", async () => {
  const app = join(project, "app.mjs");
  await writeFile(
    app,
    `import { BridgeTower } from "bridgetower";
import { HostTensor, BridgeTowerProcessor } from "bridgetower";
import * as learning from "bridgetower/learner";
import { ImageThreads } from "bridgetower/data";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const model = await BridgeTower.fromPretrained(${model});
const [{ probability }] = await model.match(${image}, ["a bowling ball"]);
await model.dispose();
const threads = new ImageThreads({ threads: 1 });
const source = { name: "image", read: () => readFile(${image}) };
const { shape } = await threads.process({ source, transform: { key: "clip", image_size: 32 }, seed: 0, labels: [] });
await threads.dispose();

const config = learning.parseConfig(JSON.parse(await readFile(join(${model}, "config.json"), "utf8")));
const { used } = learning.parameterList(config, ["itm"]);
const initialize = learning.initializer(config, "original", new learning.Random(0));
const { values } = await learning.startingValues(used, [await learning.openStart(${model})], initialize);
const optimizer = learning.optimizerSettings({ learning_rate: 1e-5, warmup_steps: 0, max_steps: 1 });
const learner = new learning.Learner(values, { config, objectives: { itm: 1 }, optimizer });
const processor = await BridgeTowerProcessor.fromPretrained(${model});
const one = new HostTensor("int64", [1], BigInt64Array.of(0n));
const batch = { ...(await processor.process([${image}], ["a bowling ball"])), itm_texts: one, itm_images: one, itm_labels: one };
const { loss } = await learner.step(0, [batch]);
await learner.dispose();
console.log(probability.toFixed(2), shape.join(), loss.toFixed(2));`,
  );
  const out = join(project, "out");
  await build({
    entryPoints: [app, "bridgetower/session-worker", "bridgetower/optimizer-worker", "bridgetower/image-worker"],
    absWorkingDir: project,
    bundle: true,
    platform: "node",
    format: "esm",
    outdir: out,
    entryNames: "[name]",
    external: ["onnxruntime-node", "sharp", "koffi", "undici"],
    logLevel: "error",
  });
  expect((await readdir(out)).sort()).toEqual([
    "app.js",
    "image-worker.js",
    "optimizer-worker.js",
    "session-worker.js",
  ]);
  // In another folder, with only the packages with native code installed.
  const elsewhere = join(project, "elsewhere");
  await cp(out, elsewhere, { recursive: true });
  await writeFile(join(elsewhere, "package.json"), '{ "type": "module" }');
  await install(elsewhere, ["onnxruntime-node", "sharp"]);
  await rm(join(project, "node_modules"), { recursive: true });
  const { stdout } = await run(process.execPath, [join(elsewhere, "app.js")]);
  expect(stdout).toEqual(expect.stringMatching(/^0\.96 3,32,32 \d\.\d\d\n$/));
});
