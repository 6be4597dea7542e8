/** Judges answers to questions, and keeps them for those who send them in. */
import type { Question } from "../../data/index.js";
import { argMax, binaryCrossEntropy, Mean } from "../numbers.js";
import type { SeenRow } from "../encoded-row.js";
import { fusedRows, type Judge, type Judging, type Results } from "./metric.js";

/** As the VQA challenge takes it. */
export interface VqaPrediction {
  readonly question_id: number;
  readonly answer: string;
}

/** What stands for an answer that has no text. */
const unknown = "unknown";

/**
 * The score of the arg-max answer; the loss is the sum of the binary cross-entropies of all outputs.
 *
 * An answer of the data set is the output that has its text in the checkpoint's list of answers; one that is not in the list
 * cannot be given, and scores for nothing. The data set's label numbers count only where the checkpoint has no list: they
 * are those of the vocabulary that the file was written with, which need not be the checkpoint's.
 */
export class Questions implements Judge {
  readonly predictions: VqaPrediction[] = [];
  private readonly score = new Mean();
  private readonly loss = new Mean();
  private unanswered = 0;
  private readonly outputs: ReadonlyMap<string, number> | undefined;

  /**
   * @param answers what the outputs of the classifier are called, where that is known
   * @param noAnswers throws where the answers would have to be known
   */
  constructor(
    private readonly judging: Judging,
    private readonly answers: readonly string[] | undefined,
    private readonly noAnswers: () => Promise<unknown>,
  ) {
    // The first of equal ones is the output that arg-max would name.
    this.outputs = answers && new Map(answers.map((answer, i) => [answer, i] as const).reverse());
  }

  wants({ texts }: SeenRow): boolean {
    return texts.questions.length > 0;
  }

  async judge(row: SeenRow): Promise<void> {
    const { questions } = row.texts;
    const texts = questions.map(({ question }) => question);
    const logits = await fusedRows(this.judging, "fusion vqa", row.image, texts);
    for (const [i, question] of questions.entries()) {
      const best = argMax(logits[i]!);
      this.predict(question, best);
      if (question.answers.length === 0) {
        this.unanswered++;
        continue;
      }
      const targets = await this.targets(question);
      this.score.add(targets.get(best) ?? 0);
      this.loss.add(binaryCrossEntropy(logits[i]!, targets));
    }
  }

  results(): Results {
    return {
      ...this.score.as("vqa_score"),
      ...this.loss.as("vqa_loss"),
      vqa_questions: this.score.count,
      vqa_unanswered: this.unanswered,
    };
  }

  private predict({ questionId }: Question, best: number): void {
    if (questionId === undefined || this.answers === undefined) return;
    this.predictions.push({ question_id: questionId, answer: this.answers[best] ?? unknown });
  }

  /** Scores by output. */
  private async targets({ answers }: Question): Promise<Map<number, number>> {
    const count = this.judging.model.config.vqav2_label_size;
    const targets = new Map<number, number>();
    for (const { answer, label, score } of answers) {
      if (this.outputs === undefined && label === undefined) await this.noAnswers();
      const output = this.outputs === undefined ? label! : this.outputs.get(answer);
      if (output !== undefined && output < count) targets.set(output, Math.max(score, targets.get(output) ?? 0));
    }
    return targets;
  }
}
