/** Writes the ablation's section of the document and its plot. */
import { join } from "node:path";

import { ablationChart } from "./ablation-chart.js";
import { ablationTable, modelLabels } from "./ablation-table.js";
import { writeSection, writeWhole } from "./formatted-file.js";
import { models, type AblationPlan, type Run } from "./run-ablation.js";

export interface Ablation {
  readonly plan: AblationPlan;
  readonly runs: readonly Run[];
}

/** Writes `ablation.svg` and the section `ablation` of `emoji.md` in this folder. */
export async function writeAblation(folder: string, ablation: Ablation): Promise<void> {
  const { plan, runs } = ablation;
  const splits = Object.keys(plan.splits);
  await writeWhole(join(folder, "ablation.svg"), ablationChart(runs, splits));
  const parts = [
    opening(ablation),
    ablationTable(runs, splits),
    "![each seed and the means of both models](ablation.svg)",
  ];
  await writeSection(join(folder, "emoji.md"), "ablation", parts.join("\n\n"));
}

function opening({ plan: { heads, selection }, runs }: Ablation): string {
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  const sizes = models.map((model) => {
    const { parameters } = runs.find((run) => run.model === model)!;
    return `${modelLabels[model]} ${parameters.toLocaleString("en")}`;
  });
  const rows = selection.limit === undefined ? "all rows" : `${selection.limit} rows`;
  return `Parameters: ${sizes.join(", ")}. Both start from the towers of \`1-singles\` and \`2-scenes\`, the first runs of the packaged model, and learn all heads in
${heads.max_steps} steps of ${heads.batch_size} pairs of scenes. Means over ${seeds} ${seeds === 1 ? "seed" : "seeds"} ± standard deviation, on ${rows} a split; recall among
${selection.candidates}. The seed determines initial values, scenes and all random choices; the difference is taken seed by seed.`;
}
