/** Which columns of a table hold its images, and which its texts. */

import { InputError } from "../../errors.js";
import { type FoundColumns, knownNames, listed } from "./roles.js";
import { columnRoles } from "./dataset-settings.js";
import type { SplitFilter } from "./split-filter.js";

/**
 * One column, or those of the left and the right image.
 * @param names all columns, for the error
 * @throws InputError when there is none
 */
export function imageColumns(where: string, names: readonly string[], columns: FoundColumns): readonly string[] {
  const { image, image_0, image_1 } = columns;
  if (image_0 !== undefined && image_1 !== undefined) return [image_0, image_1];
  if (image !== undefined) return [image];
  throw new InputError({
    code: "missing-column",
    where,
    expected: `a column of images (${listed(knownNames.image)}, or image_0 and image_1)`,
    found: listed(names.map((name) => JSON.stringify(name))),
    hint: "Say in the settings which column has the images",
  });
}

/** The columns that are read besides the images. */
export function textColumns(columns: FoundColumns, split: SplitFilter): readonly string[] {
  const isText = (role: string) => !role.startsWith("image") && (role !== "split" || split.isActive);
  return [...new Set(columnRoles.flatMap((role) => (isText(role) ? (columns[role] ?? []) : [])))];
}
