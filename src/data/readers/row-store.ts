/** The texts of all rows, in packed columns. */

import type { Negative, Question, RowTexts, Statement, TextKind } from "../dataset.js";
import { growableFloat64, growableInt32, growableInt8, Spans, Interned, TextPool } from "./packed-columns.js";

/** Marks an absent label. Labels are not negative. */
const absent = -1;

/** Rows are added in order and read by number. */
export class RowStore {
  #rows = 0;
  #repeated = 0;
  readonly #captions = new TextColumn();
  readonly #questions = new QuestionColumn();
  readonly #hypotheses = new LabelledColumn();
  readonly #statements = new LabelledColumn();
  readonly #negatives = new NegativeColumn();

  get rows(): number {
    return this.#rows;
  }

  /** Captions that were left out because their row has them already. */
  get repeatedCaptions(): number {
    return this.#repeated;
  }

  /** Adds a row. Captions that differ in blanks at their ends only are stored once, as the first of them is written. */
  add(texts: RowTexts): void {
    const captions = distinct(texts.captions);
    this.#repeated += texts.captions.length - captions.length;
    this.#captions.add(captions);
    this.#questions.add(texts.questions);
    this.#hypotheses.add(texts.hypotheses);
    this.#statements.add(texts.statements);
    this.#negatives.add(texts.negatives);
    this.#rows++;
  }

  texts(row: number): RowTexts {
    return {
      captions: this.#captions.row(row),
      questions: this.#questions.row(row),
      hypotheses: this.#hypotheses.row(row),
      statements: this.#statements.row(row),
      negatives: this.#negatives.row(row),
    };
  }

  counts(): Record<TextKind, Uint32Array> {
    return {
      captions: this.#counts(this.#captions.spans),
      questions: this.#counts(this.#questions.spans),
      hypotheses: this.#counts(this.#hypotheses.spans),
      statements: this.#counts(this.#statements.spans),
      negatives: this.#counts(this.#negatives.spans),
    };
  }

  #counts(spans: Spans): Uint32Array {
    const counts = new Uint32Array(this.#rows);
    if (spans.total > 0) for (let row = 0; row < this.#rows; row++) counts[row] = spans.count(row);
    return counts;
  }
}

function distinct(captions: readonly string[]): readonly string[] {
  if (captions.length < 2) return captions;
  const seen = new Set<string>();
  return captions.filter((caption) => seen.size < seen.add(caption.trim()).size);
}

/** Merges records into rows: record i belongs to row `rowOf[i]`. Rows are numbered from 0 without gaps. */
export function mergeRows(records: RowStore, rowOf: readonly number[], rows: number): RowStore {
  const members: number[][] = Array.from({ length: rows }, () => []);
  rowOf.forEach((row, record) => members[row]!.push(record));
  const merged = new RowStore();
  for (const row of members) merged.add(joinTexts(row.map((record) => records.texts(record))));
  return merged;
}

/** The texts of all parts, as one row. */
export function joinTexts(parts: readonly RowTexts[]): RowTexts {
  return {
    captions: parts.flatMap((part) => part.captions),
    questions: parts.flatMap((part) => part.questions),
    hypotheses: parts.flatMap((part) => part.hypotheses),
    statements: parts.flatMap((part) => part.statements),
    negatives: parts.flatMap((part) => part.negatives),
  };
}

/** Whether there is any text. */
export function hasTexts(texts: RowTexts): boolean {
  return Object.values(texts).some((list: readonly unknown[]) => list.length > 0);
}

class TextColumn {
  readonly spans = new Spans();
  readonly #texts = new TextPool();

  add(texts: readonly string[]): void {
    this.spans.add(texts.length);
    for (const text of texts) this.#texts.add(text);
  }

  row(row: number): string[] {
    const start = this.spans.start(row);
    return Array.from({ length: this.spans.count(row) }, (_, i) => this.#texts.at(start + i));
  }
}

/** Hypotheses and statements: texts with an optional small label. */
class LabelledColumn {
  readonly #texts = new TextColumn();
  readonly #labels = growableInt8();

  get spans(): Spans {
    return this.#texts.spans;
  }

  add(items: readonly Statement[]): void {
    this.#texts.add(items.map(({ text }) => text));
    for (const { label } of items) this.#labels.push(label ?? absent);
  }

  row(row: number): Statement[] {
    const start = this.spans.start(row);
    return this.#texts.row(row).map((text, i) => {
      const label = this.#labels.at(start + i);
      return label === absent ? { text } : { text, label };
    });
  }
}

class NegativeColumn {
  readonly #texts = new TextColumn();
  readonly #facets = new Interned();
  readonly #facetOf = growableInt32();

  get spans(): Spans {
    return this.#texts.spans;
  }

  add(items: readonly Negative[]): void {
    this.#texts.add(items.map(({ text }) => text));
    for (const { facet } of items) this.#facetOf.push(facet === undefined ? absent : this.#facets.add(facet));
  }

  row(row: number): Negative[] {
    const start = this.spans.start(row);
    return this.#texts.row(row).map((text, i) => {
      const facet = this.#facetOf.at(start + i);
      return facet === absent ? { text } : { text, facet: this.#facets.at(facet) };
    });
  }
}

class QuestionColumn {
  readonly #texts = new TextColumn();
  /** NaN if absent: an id may be any integer. */
  readonly #ids = growableFloat64();
  /** Answers of each question. */
  readonly #spans = new Spans();
  readonly #answers = new Interned();
  readonly #answerOf = growableInt32();
  readonly #labels = growableInt32();
  readonly #scores = growableFloat64();

  get spans(): Spans {
    return this.#texts.spans;
  }

  add(questions: readonly Question[]): void {
    this.#texts.add(questions.map(({ question }) => question));
    for (const { questionId, answers } of questions) {
      this.#ids.push(questionId ?? NaN);
      this.#spans.add(answers.length);
      for (const { answer, label, score } of answers) {
        this.#answerOf.push(this.#answers.add(answer));
        this.#labels.push(label ?? absent);
        this.#scores.push(score);
      }
    }
  }

  row(row: number): Question[] {
    const start = this.spans.start(row);
    return this.#texts.row(row).map((question, i) => {
      const id = this.#ids.at(start + i);
      const answers = this.#answersOf(start + i);
      return Number.isNaN(id) ? { question, answers } : { question, questionId: id, answers };
    });
  }

  #answersOf(question: number): Question["answers"] {
    const start = this.#spans.start(question);
    return Array.from({ length: this.#spans.count(question) }, (_, i) => {
      const [answer, label] = [this.#answers.at(this.#answerOf.at(start + i)), this.#labels.at(start + i)];
      const score = this.#scores.at(start + i);
      return label === absent ? { answer, score } : { answer, label, score };
    });
  }
}
