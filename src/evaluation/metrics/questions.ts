/** Answers to questions, and the predictions for the VQA challenge. */
import type { Question } from "../../data/index.js";
import { readAnswerList } from "../../checkpoint/index.js";
import { InputError } from "../../errors.js";
import { findAnswers, readAnswers, type LoadedModel } from "../../inference/index.js";
import { argMax, binaryCrossEntropy, Mean } from "../numbers.js";
import type { EncodedRow } from "../encoded-row.js";
import { fusedRows, type RowMetric, type EvalContext, type Results } from "./metric.js";

/** A prediction in the format of the VQA challenge. */
export interface VqaPrediction {
  readonly question_id: number;
  readonly answer: string;
}

/** The answer of an output without a text. */
const unknown = "unknown";

/**
 * The score of the arg-max answer; the loss is the sum of the binary cross-entropies of all outputs.
 *
 * An answer of the data set belongs to the output with the same text in the checkpoint's list of answers. An answer that is not in the
 * list cannot be predicted and scores 0. The label numbers of the data set count only if the checkpoint has no list: they belong to the
 * vocabulary that the file was written with, which may be another one.
 */
export class Questions implements RowMetric {
  readonly predictions: VqaPrediction[] = [];
  private readonly score = new Mean();
  private readonly loss = new Mean();
  private readonly unanswered = new Mean();
  private readonly outputs: ReadonlyMap<string, number> | undefined;

  /**
   * @param answers texts of the outputs of the classifier, or a JSON file with them; by default those of the model folder
   * @throws InputError for a file that is missing, or another number of answers than the classifier has
   */
  static async create(context: EvalContext, answers: string | readonly string[] | undefined): Promise<Questions> {
    const { folder, config, configJson } = context.model;
    const noAnswers = () => readAnswers(folder, config.vqav2_label_size, configJson);
    return new Questions(context, await answersOf(answers, context.model), noAnswers);
  }

  /**
   * @param answers texts of the outputs of the classifier, if they are known
   * @param noAnswers throws the error for answers that must be known
   */
  private constructor(
    private readonly context: EvalContext,
    private readonly answers: readonly string[] | undefined,
    private readonly noAnswers: () => Promise<unknown>,
  ) {
    // Of equal texts the first output counts, as in the arg-max.
    this.outputs = answers && new Map(answers.map((answer, i) => [answer, i] as const).reverse());
  }

  get lists() {
    return [this.predictions, this.score.entries, this.loss.entries, this.unanswered.entries];
  }

  accepts({ texts }: EncodedRow): boolean {
    return texts.questions.length > 0;
  }

  async update(row: EncodedRow): Promise<void> {
    const { questions } = row.texts;
    const texts = questions.map(({ question }) => question);
    const logits = await fusedRows(this.context, "vqa", row.image, texts);
    for (const [i, question] of questions.entries()) {
      const best = argMax(logits[i]!);
      this.predict(question, best);
      if (question.answers.length === 0) {
        this.unanswered.add(1);
        continue;
      }
      const targets = await this.targets(question);
      this.score.add(targets.get(best) ?? 0);
      this.loss.add(binaryCrossEntropy(logits[i]!, targets));
    }
  }

  compute(): Results {
    return {
      ...this.score.as("vqa_score"),
      ...this.loss.as("vqa_loss"),
      vqa_questions: this.score.count,
      vqa_unanswered: this.unanswered.count,
    };
  }

  private predict({ questionId }: Question, best: number): void {
    if (questionId === undefined || this.answers === undefined) return;
    this.predictions.push({ question_id: questionId, answer: this.answers[best] ?? unknown });
  }

  /** Scores by output. */
  private async targets({ answers }: Question): Promise<Map<number, number>> {
    const count = this.context.model.config.vqav2_label_size;
    const targets = new Map<number, number>();
    for (const { answer, label, score } of answers) {
      if (this.outputs === undefined && label === undefined) await this.noAnswers();
      const output = this.outputs === undefined ? label! : this.outputs.get(answer);
      if (output !== undefined && output < count) targets.set(output, Math.max(score, targets.get(output) ?? 0));
    }
    return targets;
  }
}

async function answersOf(
  answers: string | readonly string[] | undefined,
  { folder, config, configJson }: LoadedModel,
): Promise<readonly string[] | undefined> {
  const count = config.vqav2_label_size;
  if (answers === undefined) return findAnswers(folder, count, configJson);
  const list = typeof answers === "string" ? await readAnswerList(answers, count) : answers;
  if (list?.length === count) return list;
  throw new InputError({
    code: "invalid-config",
    where: typeof answers === "string" ? answers : "answers",
    expected: `the ${count} answers of the classifier in ${folder}`,
    found: list === undefined ? "no such file" : String(list.length),
  });
}
