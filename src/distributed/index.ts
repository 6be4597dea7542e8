/**
 * Several processes that train one model together, over MPI or TCP.
 * @module
 */
export { alone, type Collective } from "./collective.js";
export { joinCollective } from "./join.js";
export { launch, type LaunchVariables } from "./launch.js";
export type { Patience } from "./transport.js";
