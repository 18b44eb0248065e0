/**
 * Instructions that the interpreter's loop carries out itself, in place of a call of their handlers: those which make
 * up nineteen twentieths of what is interpreted. A call through the table costs as much as what most of them do.
 */
import type { Form } from "../../isa/pattern.js";

/**
 * Rows of the table, and which of their forms if not all. By how often they were interpreted while Debian's kernel
 * booted, and SQLite, Python and Perl ran, without kept code (docs/performance.md).
 */
export const INLINED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  ADRP: {},
  ADD_imm: {},
  ADDS_imm: { sh: 0 },
  SUB_imm: { sh: 0 },
  SUBS_imm: { sh: 0 },
  AND_imm_e64: {},
  AND_imm_e32: {},
  ANDS_imm_e64: {},
  ANDS_imm_e32: {},
  ORR_imm_e64: {},
  ORR_imm_e32: {},
  MOVZ: { hw: 0 },
  MOVN: { hw: 0 },
  MOVK: {},
  UBFM_X: {},
  UBFM_W: {},
  SBFM_X: {},
  ADD_shift_X: { shift: 0 },
  ADD_shift_W: { shift: 0 },
  ADD_ext: { sf: 1, option: 2 },
  SUB_shift_X: { shift: 0 },
  SUB_shift_W: { shift: 0 },
  SUBS_shift_X: { shift: 0 },
  SUBS_shift_W: { shift: 0 },
  ORR_shift_X: { shift: 0 },
  ORR_shift_W: { shift: 0 },
  AND_shift_X: { shift: 0 },
  AND_shift_W: { shift: 0 },
  ANDS_shift_W: { shift: 0 },
  EOR_shift_X: { shift: 0 },
  EOR_shift_W: { shift: 0 },
  EXTR_W: {},
  LSLV: { sf: 1 },
  LSRV: { sf: 1 },
  MADD: { sf: 1 },
  CSEL: { sf: 1 },
  CSINC: { sf: 0 },
  B: {},
  BL: {},
  BR: {},
  BLR: {},
  RET: {},
  B_cond: {},
  CBZ: {},
  CBNZ: {},
  TBZ: {},
  TBNZ: {},
  HINT: {},
  LDR_uimm: {},
  STR_uimm: {},
  LDUR: { size: 3 },
  STUR: { size: 3 },
  LDR_post: { size: 3 },
  STR_post: { size: 3 },
  LDR_reg: { option: 3 },
  STR_reg: { size: 3, option: 3 },
  LDP_offset: {},
  STP_offset: {},
  LDP_post: { sf: 1 },
  STP_pre: { sf: 1 },
};

/** Whether the loop has an instruction's body. */
export function isInlined({ row, variants }: Form): boolean {
  const wanted = INLINED[row.name];
  return wanted !== undefined && Object.entries(wanted).every(([name, value]) => variants[name] === value);
}
