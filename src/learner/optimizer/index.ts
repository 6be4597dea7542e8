/** AdamW as torch and as the authors have it, and Muon: settings, schedule, parameter groups, and the optimizer on its threads. */
export { addInto, NonFiniteError } from "./gradient-sums.js";
export { Optimizer, type OptimizerReport, type ParameterState } from "./optimizer.js";
export { parameterGroup, type ParameterGroup } from "./parameter-groups.js";
export { learningRateFactor, warmupSteps } from "./schedule.js";
export {
  optimizerSettingNames,
  optimizerSettings,
  type AdamWForm,
  type GroupSettings,
  type OptimizerSettings,
  type ScheduleSettings,
} from "./optimizer-settings.js";
