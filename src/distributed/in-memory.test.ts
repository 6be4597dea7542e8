import { collectiveSuite } from "./collective.suite.js";
import { ranksInMemory } from "./in-memory.test-support.js";

collectiveSuite("in memory", (size) => Promise.resolve(ranksInMemory(size)));
