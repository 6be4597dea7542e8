/** The values of one row, in any format, to its texts. */

import type { Hypothesis, Negative, Question, RowTexts, Statement } from "../dataset.js";
import { questionsOf } from "./row-questions.js";
import { isObject, itemOf, type RowValues, textOf } from "./row-values.js";
import type { ColumnRole } from "./column-roles.js";

/**
 * All texts of a row.
 * @param pair whether the row has two images. Its questions, answered True or False, are then statements (NLVR2)
 * @throws InputError naming row and column if a value has the wrong type
 */
export function rowTexts(row: RowValues, pair: boolean): RowTexts {
  const asked = questionsOf(row);
  const statements = labelledOf(row, "statement", truth);
  return {
    captions: captionsOf(row),
    questions: pair ? [] : asked,
    hypotheses: [...labelledOf(row, "hypothesis", relation), ...sentencesOf(row)],
    statements: pair ? [...statements, ...asked.map((question) => statementOf(row, question))] : statements,
    negatives: negativesOf(row),
  };
}

/** Blank captions are left out and counted. */
function captionsOf(row: RowValues): string[] {
  const value = row.get("caption");
  const texts = Array.isArray(value) ? value.filter((text) => text !== null && text !== undefined) : (value ?? []);
  const list: readonly unknown[] = Array.isArray(texts) ? texts : [texts];
  const captions = list.map((text) => textOf(row, "caption", text, "a text or a list of texts"));
  return captions.filter((text) => {
    const isBlank = text.trim() === "";
    if (isBlank) row.countEmptyCaption();
    return !isBlank;
  });
}

function statementOf(row: RowValues, { question, answers }: Question): Statement {
  const [answer] = answers;
  return answer === undefined ? { text: question } : { text: question, label: truth(row, "answer", answer.answer) };
}

/** `label` beside a text, a list of labels beside a list of texts, or both in one object. */
function labelledOf(
  row: RowValues,
  role: "hypothesis" | "statement",
  label: (row: RowValues, role: ColumnRole, value: unknown) => number | undefined,
): (Hypothesis | Statement)[] {
  const value = row.get(role);
  if (value === undefined) return [];
  const labels = row.get("label");
  const item = (text: string, given: unknown) => {
    const number = given === undefined || given === null ? undefined : label(row, "label", given);
    return number === undefined ? { text } : { text, label: number };
  };
  if (typeof value === "string") return [item(value, labels)];
  if (!Array.isArray(value)) throw row.wrong(role, "a text or a list of texts with labels", value);
  return value.map((entry: unknown, i) => {
    if (isObject(entry)) {
      const text = textOf(row, role, entry["text"] ?? entry[role], "an object with its text under `text`");
      return item(text, entry["label"]);
    }
    const text = textOf(row, role, entry, "a list of texts or of objects with `text` and `label`");
    return item(text, labels === undefined ? undefined : itemOf(row, "label", labels, i, value.length));
  });
}

/** SNLI-VE as published: [premise, hypothesis] each; the premise is not used. */
function sentencesOf(row: RowValues): Hypothesis[] {
  const value = row.get("sentences");
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw row.wrong("sentences", "a list of [premise, hypothesis]", value);
  return value.map((pair: unknown, i) => {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw row.wrong("sentences", "a list of [premise, hypothesis]", pair);
    const text = textOf(row, "sentences", pair[1], "a list of [premise, hypothesis]");
    const given = itemOf(row, "label", row.get("label"), i, value.length);
    const label = given === undefined ? undefined : relation(row, "label", given);
    return label === undefined ? { text } : { text, label };
  });
}

function negativesOf(row: RowValues): Negative[] {
  const value = row.get("negative");
  if (value === undefined) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map((item) => {
    if (!isObject(item)) return { text: textOf(row, "negative", item, "a text or an object with `text` and `facet`") };
    const text = textOf(row, "negative", item["text"], "an object with its text under `text`");
    const facet = item["facet"] ?? undefined;
    return facet === undefined ? { text } : { text, facet: textOf(row, "negative", facet, "a text under `facet`") };
  });
}

const relations: Readonly<Record<string, number>> = { contradiction: 0, neutral: 1, entailment: 2 };

function relation(row: RowValues, role: ColumnRole, value: unknown): number | undefined {
  return labelNumber(row, role, value, relations, "entailment, neutral or contradiction, or 2, 1 or 0");
}

const truths: Readonly<Record<string, number>> = { false: 0, true: 1 };

function truth(row: RowValues, role: ColumnRole, value: unknown): number | undefined {
  return labelNumber(row, role, value, truths, "True or False, or 1 or 0");
}

/** A label by its name or number. -1 means no label. */
function labelNumber(
  row: RowValues,
  role: ColumnRole,
  value: unknown,
  names: Readonly<Record<string, number>>,
  expected: string,
): number | undefined {
  const key = typeof value === "boolean" || typeof value === "string" ? String(value).trim().toLowerCase() : undefined;
  if (key !== undefined && Object.hasOwn(names, key)) return names[key];
  const number = key === undefined || key === "" ? value : Number(key);
  const label = typeof number === "bigint" ? Number(number) : number;
  if (label === -1) return undefined;
  if (typeof label === "number" && Object.values(names).includes(label)) return label;
  throw row.wrong(role, expected, value);
}
