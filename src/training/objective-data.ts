/** One entry an objective: the texts that it reads, and how it is validated. */
import type { TextKind } from "../data/index.js";
import type { Metric } from "../evaluation/index.js";
import type { ObjectiveName } from "../model/index.js";

/** Numbers by name; the names of all data sets but the first have a prefix. */
export type Results = Readonly<Record<string, number>>;

interface ObjectiveData {
  readonly texts: TextKind;
  /** Metrics of the validation, unless the settings name others. */
  readonly metrics: readonly Metric[];
  /** The result by which the best checkpoint is chosen, unless the settings name another. */
  readonly best: string;
}

export const objectiveData: Readonly<Record<ObjectiveName, ObjectiveData>> = {
  mlm: { texts: "captions", metrics: ["mlm"], best: "mlm_accuracy" },
  itm: { texts: "captions", metrics: ["itm"], best: "itm_accuracy" },
  itc: { texts: "captions", metrics: ["itc"], best: "itc_loss" },
  itm_itc: { texts: "captions", metrics: ["itm", "retrieval"], best: "r_mean" },
  irtr: { texts: "captions", metrics: ["irtr"], best: "irtr_loss" },
  vqa: { texts: "questions", metrics: ["vqa"], best: "vqa_score" },
  snli: { texts: "hypotheses", metrics: ["snli"], best: "snli_accuracy" },
  nlvr2: { texts: "statements", metrics: ["nlvr2"], best: "nlvr2_accuracy" },
};
