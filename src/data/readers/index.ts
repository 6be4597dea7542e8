/** Data sets of images and texts from files of every format. */

export { joinDatasets } from "./join-datasets.js";
export { openDataset } from "./open-dataset.js";
export {
  type ColumnNames,
  type ColumnRole,
  columnRoles,
  type DatasetFormat,
  datasetFormats,
  type DatasetSettings,
  type OpenOptions,
} from "./dataset-settings.js";
