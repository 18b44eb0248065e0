/** All encoding forms, in the order of their handlers. */
import { expand, type Form } from "../../isa/pattern.js";
import { TABLE } from "../../isa/table/index.js";

let forms: readonly Form[] | undefined;

export function allForms(): readonly Form[] {
  forms ??= TABLE.flatMap(expand);
  return forms;
}
