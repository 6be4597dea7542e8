/** AdamW as torch and as the authors have it, and Muon: settings, schedule, parameter groups, and the optimizer on its threads. */
export { addInto } from "./accumulate.js";
export { NonFiniteError } from "./gradient-norm.js";
export { Optimizer, type ParameterState, type StepReport } from "./optimizer.js";
export { parameterGroup, type ParameterGroup } from "./parameter-groups.js";
export { learningRateFactor, warmupSteps } from "./schedule.js";
export {
  optimizerSettings,
  type AdamWForm,
  type GroupSettings,
  type OptimizerSettings,
  type ScheduleSettings,
} from "./optimizer-settings.js";
