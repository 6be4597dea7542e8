/** Writers: published data sets made into the tables that training reads. */
export { prepareDataset, preparedSplits, type PrepareOptions, type PrepareProgress } from "./prepare-dataset.js";
export type { LeftOut, PrepareReport, TableReport } from "./report.js";
