/** What the other folders need of the evaluation beside the public `index.ts`. */
export { metricEntry, requireTexts } from "./metric-table.js";
export { rerankHead } from "./retrieval/retrieval.js";
