/** All encoding forms, in the order of their handlers: those that the loop has are next to each other. */
import { expand, type Form } from "../../isa/pattern.js";
import { TABLE } from "../../isa/table/index.js";
import { isInlined } from "./inlined.js";

let forms: readonly Form[] | undefined;

export function allForms(): readonly Form[] {
  forms ??= TABLE.flatMap(expand).toSorted((a, b) => Number(isInlined(b)) - Number(isInlined(a)));
  return forms;
}
