/** What the other folders need of data sets beside the public `index.ts`. */
export { completeDataset, isCustomDataset, openModule, parseModuleSource, refuseModule } from "./custom-dataset.js";
export { readSource, refuseMixedSplits } from "./dataset.js";
export { datasetFacts } from "./dataset-facts.js";
export { transformSettings } from "./transforms/transform-image.js";
