/** An instruction of the table as the Builder of compiled regions is given it, and what is left to the interpreter. */
import { type Form, fieldsOf, type Operand } from "../../isa/pattern.js";
import { system } from "../../isa/table/system.js";
import { NOT_COMPILABLE } from "./access-builder.js";
import type { BranchKind, Buildable } from "./built-block.js";
import type { Instruction } from "./discover.js";

/** System instructions whose bodies a region can hold; every other one is the interpreter's. */
const PLAIN_SYSTEM = new Set([
  "HINT",
  "DSB",
  "DMB",
  "ISB",
  "SB",
  "CLREX",
  "SEVL",
  "MRS",
  "MSR_reg",
  "MSR_DAIF",
  "MSR_imm_DAIFSet",
  "MSR_imm_DAIFClr",
  "MSR_imm_SSBS",
  "MSR_imm_DIT",
  "DC_ZVA",
]);
const INTERPRETED = new Set(system.map((row) => row.name).filter((name) => !PLAIN_SYSTEM.has(name)));
const KINDS = new Map<string, BranchKind>([
  ["BL", "call"],
  ["BLR", "call"],
  ["BLRAA", "call"],
  ["BLRAAZ", "call"],
  ["RET", "return"],
  ["RETAA", "return"],
]);

const notCompilable = (): never => {
  throw NOT_COMPILABLE;
};

/** Fields by form, made once. */
const fieldsByForm = new Map<Form, Record<string, number | Operand>>();
function fieldsFor(form: Form): Record<string, number | Operand> {
  let fields = fieldsByForm.get(form);
  if (fields === undefined) {
    fields = fieldsOf(form);
    fieldsByForm.set(form, fields);
  }
  return fields;
}

export function buildable({ word, form, isBreakpoint, inlined }: Instruction): Buildable {
  const { row } = form;
  return {
    word,
    inlined,
    fp: row.options.fp === true,
    kind: KINDS.get(row.name) ?? "branch",
    body: isBreakpoint || INTERPRETED.has(row.name) ? notCompilable : (b) => row.body(b, fieldsFor(form)),
  };
}
