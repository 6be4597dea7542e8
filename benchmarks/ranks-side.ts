/** One rank of `ranks.ts`: takes the steps; rank 0 prints their times. */
import { Random } from "../src/random/index.js";
import { parameterList, parseConfig } from "../src/model/index.js";
import { initializer, openStart, startingConfig, startingValues } from "../src/conversion/index.js";
import { joinCollective, type Collective } from "../src/distributed/index.js";
import { HostTensor } from "../src/graph/index.js";
import { Learner, optimizerSettings, type Batch } from "../src/learner/index.js";

const [folder, count, threads] = process.argv.slice(2);
const joined = await joinCollective();
const sums: number[] = [];
let bytes = 0;
const collective: Collective = {
  rank: joined.rank,
  size: joined.size,
  localSize: joined.localSize,
  sum: async (arrays, label) => {
    const begun = performance.now();
    await joined.sum(arrays, label);
    sums.push((performance.now() - begun) / 1000);
    bytes = joined.size === 1 ? 0 : arrays.reduce((total, { byteLength }) => total + byteLength, 0);
  },
  gather: (data, label) => joined.gather(data, label),
  close: () => joined.close(),
  abort: (reason) => joined.abort(reason),
};

const start = await openStart(folder!);
const config = parseConfig(await startingConfig([start], {}));
const { used } = parameterList(config, ["itm"]);
const { values } = await startingValues(used, [start], initializer(config, "original", new Random(0)));
const optimizer = optimizerSettings({ learning_rate: 1e-5, warmup_steps: 0, max_steps: 1000 });
const learner = new Learner(values, {
  config,
  objectives: { itm: 1 },
  optimizer,
  threads: Number(threads),
  collective,
});

const all = [0, 1].map(microBatch);
const own = joined.size === 1 ? all : [all[joined.rank]!];
const steps: number[] = [];
let loss = 0;
for (let t = 0; t <= Number(count); t++) {
  const begun = performance.now();
  ({ loss } = await learner.step(t, own));
  steps.push((performance.now() - begun) / 1000);
}
if (joined.rank === 0) {
  const timed = sums.length === 0 ? steps.map(() => 0) : sums;
  console.log(JSON.stringify({ steps: steps.slice(1), sums: timed.slice(1), bytes, loss }));
}
await learner.dispose();
await collective.close();

/** Two pairs of 20 tokens and 288 × 288 pixels, one of them true. */
function microBatch(number: number): Batch {
  const random = new Random(number);
  const int64 = (values: readonly number[], shape: readonly number[] = [values.length]) =>
    new HostTensor("int64", shape, BigInt64Array.from(values, BigInt));
  const pixel_values = HostTensor.zeros("float32", [2, 3, 288, 288]);
  random.fillNormal(pixel_values.data, 1);
  const ids = Array.from({ length: 40 }, (_, i) => (i % 20 === 0 ? 0 : 100 + random.below(40_000)));
  return {
    input_ids: int64(ids, [2, 20]),
    attention_mask: int64(new Array<number>(40).fill(1), [2, 20]),
    pixel_values,
    itm_texts: int64([0, 1]),
    itm_images: int64([0, 1]),
    itm_labels: int64([1, 0]),
  };
}
