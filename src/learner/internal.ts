/** What the other folders need of the learner beside the public `index.ts`. */
export { objectiveWeights } from "./batch.js";
export { itmLabels } from "./collate.js";
export { nameMatcher } from "./trained-parameters.js";
