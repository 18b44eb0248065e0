/** Atomic memory operations of FEAT_LSE: DDI 0487, C4.1 "Atomic memory operations", "Compare and swap". */
import type { Builder } from "../../engine/builder.js";
import type { I64 } from "../../engine/ir/value.js";
import { type Operand, type Row, row } from "../pattern.js";
import { compareAndSwap, compareAndSwapPair, readModifyWrite } from "../semantics/exclusive.js";

type Opc = "000" | "001" | "010" | "011" | "100" | "101" | "110" | "111";
interface AtomicFields {
  readonly size: number;
  readonly Rs: Operand;
  readonly Rn: Operand;
  readonly Rt: Operand;
}

function atomic(b: Builder, f: AtomicFields, operate: (old: I64, operand: I64) => I64): void {
  const operand = b.X(f.Rs);
  b.setX(
    f.Rt,
    readModifyWrite(b, f.size, b.base(f.Rn), (old) => operate(old, operand)),
  );
}

/** A and R (acquire, release) change nothing here. The ST<op> aliases are these with Rt = 31. */
function atomicRow(name: string, opc: Opc, operate: (old: I64, operand: I64) => I64): Row {
  return row(name, `size=2 111 0 00 x x 1 Rs:5 0 ${opc} 00 Rn:5 Rt:5`, { feature: "LSE" }, (b, f) => {
    atomic(b, f, operate);
  });
}

/** Maximum or minimum: both values are moved to the top of the register, where their widths no longer matter. */
function extremeRow(name: string, opc: Opc, keepsOld: (old: I64, operand: I64) => ReturnType<I64["eq"]>): Row {
  return row(name, `size=2 111 0 00 x x 1 Rs:5 0 ${opc} 00 Rn:5 Rt:5`, { feature: "LSE" }, (b, f) => {
    const unused = 64 - (8 << f.size);
    atomic(b, f, (old, operand) => keepsOld(old.shl(unused), operand.shl(unused)).select(old, operand));
  });
}

export const atomics: readonly Row[] = [
  atomicRow("LDADD", "000", (old, operand) => old.add(operand)),
  atomicRow("LDCLR", "001", (old, operand) => old.and(operand.not())),
  atomicRow("LDEOR", "010", (old, operand) => old.xor(operand)),
  atomicRow("LDSET", "011", (old, operand) => old.or(operand)),
  extremeRow("LDSMAX", "100", (old, operand) => old.geS(operand)),
  extremeRow("LDSMIN", "101", (old, operand) => old.leS(operand)),
  extremeRow("LDUMAX", "110", (old, operand) => old.geU(operand)),
  extremeRow("LDUMIN", "111", (old, operand) => old.leU(operand)),
  row("SWP", "size=2 111 0 00 x x 1 Rs:5 1 000 00 Rn:5 Rt:5", { feature: "LSE" }, (b, f) => {
    atomic(b, f, (_old, operand) => operand);
  }),
  row("CAS", "size=2 001000 1 x 1 Rs:5 x 11111 Rn:5 Rt:5", { feature: "LSE" }, (b, f) => {
    compareAndSwap(b, f.size, f);
  }),
  row("CASP", "0 sz=1 001000 0 x 1 Rs:5 x 11111 Rn:5 Rt:5", { feature: "LSE" }, (b, f) => {
    compareAndSwapPair(b, 2 + f.sz, f);
  }),
];
