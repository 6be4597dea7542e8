/**
 * Several processes that train or evaluate one model together, over MPI.
 * @module
 */
export { checkAgreement, checkSameFacts, gatherJson, type Facts } from "./agreement.js";
export { singleProcess, type Collective } from "./collective.js";
export { joinCollective, threadsOfRank } from "./launch.js";
export { joinWork, RankInterrupted, shareOf, type Range } from "./shares.js";
