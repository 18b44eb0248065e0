/**
 * Branches to labels and registers: DDI 0487, C4.1 "Branches, Exception Generating and System instructions". The
 * exception-generating, system and return-from-exception ones are in system.ts.
 */
import type { Builder } from "../../engine/builder.js";
import type { I32, I64 } from "../../engine/ir/value.js";
import { type Operand, type Row, row } from "../pattern.js";
import { call, jump, LINK_REGISTER } from "../semantics/branches.js";

/** A word offset in bytes. */
const words = (b: Builder, o: Operand): I64 => b.signed(o).shl(2);

function link(b: Builder): void {
  b.setX(LINK_REGISTER, b.pc().add(4));
}

/** Bit b5:b40 of Xt. */
function testedBit(b: Builder, f: { b5: number; b40: Operand; Rt: Operand }): I32 {
  return b
    .X(f.Rt)
    .shrU(32 * f.b5)
    .wrap()
    .shrU(b.operand(f.b40))
    .and(1);
}

export const branches: readonly Row[] = [
  row("B", "0 00101 imm26:26", {}, (b, f) => b.branchDirect(words(b, f.imm26))),
  row("BL", "1 00101 imm26:26", {}, (b, f) => {
    link(b);
    b.branchDirect(words(b, f.imm26));
  }),
  row("B_cond", "0101010 0 imm19:19 0 cond=4", {}, (b, f) => {
    b.branchDirectIf(b.condition(f.cond), words(b, f.imm19));
  }),
  row("CBZ", "sf=1 011010 0 imm19:19 Rt:5", {}, (b, f) => {
    b.branchDirectIf(f.sf ? b.X(f.Rt).eqz() : b.W(f.Rt).eqz(), words(b, f.imm19));
  }),
  row("CBNZ", "sf=1 011010 1 imm19:19 Rt:5", {}, (b, f) => {
    b.branchDirectIf(f.sf ? b.X(f.Rt).ne(0) : b.W(f.Rt).ne(0), words(b, f.imm19));
  }),
  row("TBZ", "b5=1 011011 0 b40:5 imm14:14 Rt:5", {}, (b, f) => {
    b.branchDirectIf(testedBit(b, f).eqz(), words(b, f.imm14));
  }),
  row("TBNZ", "b5=1 011011 1 b40:5 imm14:14 Rt:5", {}, (b, f) => b.branchDirectIf(testedBit(b, f), words(b, f.imm14))),
  row("BR", "1101011 0 0 00 11111 0000 0 0 Rn:5 00000", {}, (b, f) => jump(b, b.X(f.Rn), f.Rn)),
  row("BLR", "1101011 0 0 01 11111 0000 0 0 Rn:5 00000", {}, (b, f) => call(b, b.X(f.Rn))),
  row("RET", "1101011 0 0 10 11111 0000 0 0 Rn:5 00000", {}, (b, f) => b.branch(b.X(f.Rn))),
];
