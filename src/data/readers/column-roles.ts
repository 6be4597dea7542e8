/** The meanings of columns, found by the names that published data sets use or by the user's settings. */

import { checkOptions, type ArgumentType } from "../../arguments.js";
import { InputError, nearestHint } from "../../errors.js";
import type { SplitFilter } from "./reader.js";

/** The meanings of columns. `knownNames` lists the names by which each is found. */
export const columnRoles = [
  "image",
  "image_0",
  "image_1",
  "images",
  "caption",
  "question",
  "answer",
  "answer_labels",
  "answer_scores",
  "question_id",
  "sentences",
  "hypothesis",
  "statement",
  "label",
  "negative",
  "split",
] as const;

/** The meaning of a column. */
export type ColumnRole = (typeof columnRoles)[number];

/** Columns by role, for names that are not known. */
export type ColumnNames = Readonly<Partial<Record<ColumnRole, string>>>;

/** Names by which a column is found. The first that exists is used. */
export const knownNames: Readonly<Record<ColumnRole, readonly string[]>> = {
  image: [
    "image",
    "file_name",
    "filename",
    "image_path",
    "image_file",
    "path",
    "filepath",
    "file",
    "img",
    "picture",
    "image_name",
  ],
  image_0: ["image_0", "image0"],
  image_1: ["image_1", "image1"],
  images: ["images"],
  caption: ["caption", "captions", "text", "texts", "title", "description", "comment"],
  question: ["question", "questions"],
  answer: ["answer", "answers"],
  answer_labels: ["answer_labels"],
  answer_scores: ["answer_scores"],
  question_id: ["question_id", "question_ids"],
  sentences: ["sentences"],
  hypothesis: ["hypothesis", "hypotheses"],
  statement: ["statement", "statements"],
  label: ["label", "labels"],
  negative: ["negative", "negatives"],
  split: ["split"],
};

/** As `knownNames`, then the same with a capital letter first, and in capitals. */
const spelledNames = Object.fromEntries(
  columnRoles.map((role): [ColumnRole, readonly string[]] => {
    const names = knownNames[role];
    const capitals = names.map((name) => name.charAt(0).toUpperCase() + name.slice(1));
    return [role, [...names, ...capitals, ...names.map((name) => name.toUpperCase())]];
  }),
) as Readonly<Record<ColumnRole, readonly string[]>>;

/** The names of the columns that exist, by role. */
export type FoundColumns = Partial<Record<ColumnRole, string>>;

/** Columns by role, as named by the user or by `knownNames`. */
export function findColumns(has: (name: string) => boolean, named: ColumnNames): FoundColumns {
  const found: FoundColumns = {};
  for (const role of columnRoles) {
    const given = named[role];
    const name = given === undefined ? spelledNames[role].find(has) : has(given) ? given : undefined;
    if (name !== undefined) found[role] = name;
  }
  return found;
}

const columnName: ArgumentType = {
  expected: "the name of a column",
  accepts: (value) => typeof value === "string" && value !== "",
};
const columnTypes = Object.fromEntries(columnRoles.map((role) => [role, columnName]));

/** @throws InputError for a role or a name of a column that is not one */
export function checkColumnNames(columns: ColumnNames): void {
  checkOptions("columns", columns, columnTypes, (role) => `columns: ${role}`);
}

/** @throws InputError if the table lacks a column that the user named */
export function checkNamedColumns(where: string, columns: readonly string[], named: ColumnNames): void {
  for (const role of columnRoles) {
    const name = named[role];
    if (name === undefined || columns.includes(name)) continue;
    throw new InputError({
      code: "missing-column",
      where,
      expected: `a column ${JSON.stringify(name)} for ${role}, as in the settings`,
      found: listed(columns),
      hint: nearestHint(name, columns) ?? "Use one of these",
    });
  }
}

/** Columns of formats whose rows have their own fields. */
export class RecordColumns {
  readonly #named: ColumnNames;
  readonly #unseen: Set<ColumnRole>;
  #first: readonly string[] | undefined;
  /** Rows of one file have mostly the same fields. */
  #last: { readonly fields: string; readonly found: FoundColumns } | undefined;

  constructor(named: ColumnNames) {
    this.#named = named;
    this.#unseen = new Set(columnRoles.filter((role) => named[role] !== undefined));
  }

  of(record: Readonly<Record<string, unknown>>): FoundColumns {
    const fields = Object.keys(record).join("\0");
    if (this.#last?.fields === fields) return this.#last.found;
    const found = findColumns((name) => Object.hasOwn(record, name), this.#named);
    this.#last = { fields, found };
    if (this.#unseen.size > 0) {
      this.#first ??= Object.keys(record);
      for (const role of this.#unseen) if (found[role] !== undefined) this.#unseen.delete(role);
    }
    return found;
  }

  /** @throws InputError if the user named a column that no row has */
  finish(where: string): void {
    if (this.#unseen.size > 0) checkNamedColumns(where, this.#first ?? [], this.#named);
  }
}

/** The hint if one of the columns has addresses in place of images. */
export function addressHint(names: readonly string[]): string | undefined {
  const name = names.find((one) => /(?:^|[_ -])(?:urls?|uri|link)$/i.test(one));
  if (name === undefined) return undefined;
  return `The column ${JSON.stringify(name)} looks like addresses: fetch the images first and name the files in a column image`;
}

/** Names in an error, the first few of many. */
export function listed(names: readonly string[], max = 12): string {
  if (names.length === 0) return "none";
  const shown = names.slice(0, max).map((name) => (name.length > 60 ? `${name.slice(0, 60)}…` : name));
  return shown.join(", ") + (names.length > max ? ` and ${names.length - max} more` : "");
}

/**
 * The image column, or those of the left and the right image.
 * @param names all columns, for the error
 * @throws InputError if there is none
 */
export function imageColumns(where: string, names: readonly string[], columns: FoundColumns): readonly string[] {
  const { image, image_0, image_1 } = columns;
  if (image_0 !== undefined && image_1 !== undefined) return [image_0, image_1];
  if (image !== undefined) return [image];
  const isList = columns.images !== undefined;
  throw new InputError({
    code: "missing-column",
    where,
    expected: `a column of images (${listed(knownNames.image)}, or image_0 and image_1)`,
    found: listed(names.map((name) => JSON.stringify(name))),
    hint: isList
      ? `Write one image a row in place of the lists of ${JSON.stringify(columns.images)}`
      : (addressHint(names) ?? "Name the column of the images in the settings"),
  });
}

/**
 * The columns that are read, except the images.
 * @param isText whether a column has texts: without a wanted split, the column `split` is only read if it has
 */
export function textColumns(
  columns: FoundColumns,
  split: SplitFilter,
  isText: (name: string) => boolean,
): readonly string[] {
  const isRead = (role: ColumnRole, name: string) =>
    !role.startsWith("image") && (role !== "split" || split.isActive || isText(name));
  return [
    ...new Set(
      columnRoles.flatMap((role) => {
        const name = columns[role];
        return name !== undefined && isRead(role, name) ? [name] : [];
      }),
    ),
  ];
}
