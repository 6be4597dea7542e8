/** Seeded random streams, found by name. */
export { Random, type Label } from "./random.js";
