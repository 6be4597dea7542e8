/** The shared suite with two processes, if mpirun is installed; `mpi.slow.test.ts` has the others. */
import { describe } from "vitest";
import { collectiveSuite } from "../collective.suite.js";
import { caseOverMpi, hasMpirun } from "../mpirun.test-support.js";

describe.runIf(hasMpirun)("mpirun", () => collectiveSuite("over MPI", [2], caseOverMpi));
