/** Data processing (register): DDI 0487, C4.1 "Data Processing -- Register". */

import type { Builder } from "../../engine/builder.js";
import { crc32 } from "../../engine/crypto/crc.js";
import type { I64 } from "../../engine/ir/value.js";
import { type Operand, type Row, row } from "../pattern.js";
import {
  addOrSubtract,
  addWithCarry,
  divideSigned,
  divideUnsigned,
  extended,
  flagSource,
  multiplyHighSigned,
  multiplyHighUnsigned,
  SHIFT,
  setFlagsOfResult,
  setRegister,
  setRegisterSP,
  shifted,
} from "../semantics/arithmetic.js";
import { reorderBytes, reverseBitsInBytes } from "../semantics/bits.js";

interface ShiftedFields {
  readonly shift: number;
  readonly imm6: Operand;
  readonly Rm: Operand;
  readonly Rn: Operand;
  readonly Rd: Operand;
}

type LogicalName = "AND" | "BIC" | "ORR" | "ORN" | "EOR" | "EON" | "ANDS" | "BICS";

function logicalShifted(b: Builder, sf: number, name: LogicalName, f: ShiftedFields): void {
  const x = b.X(f.Rn);
  const m = shifted(b, sf, f.Rm, f.shift, b.operand(f.imm6));
  const results: Record<LogicalName, () => I64> = {
    AND: () => x.and(m),
    BIC: () => x.and(m.not()),
    ORR: () => x.or(m),
    ORN: () => x.or(m.not()),
    EOR: () => x.xor(m),
    EON: () => x.xor(m.not()),
    ANDS: () => x.and(m),
    BICS: () => x.and(m.not()),
  };
  const result = results[name]();
  if (name.endsWith("S")) setFlagsOfResult(b, sf, result);
  setRegister(b, sf, f.Rd, result);
}

function logicalRows(name: LogicalName, opc: "00" | "01" | "10" | "11", n: "0" | "1"): Row[] {
  return [
    row(`${name}_shift_W`, `0 ${opc} 01010 shift=2 ${n} Rm:5 0 imm6:5 Rn:5 Rd:5`, {}, (b, f) => {
      logicalShifted(b, 0, name, f);
    }),
    row(`${name}_shift_X`, `1 ${opc} 01010 shift=2 ${n} Rm:5 imm6:6 Rn:5 Rd:5`, {}, (b, f) => {
      logicalShifted(b, 1, name, f);
    }),
  ];
}

type AddSubtractName = "ADD" | "ADDS" | "SUB" | "SUBS";

function addSubtractShifted(b: Builder, sf: number, name: AddSubtractName, f: ShiftedFields): void {
  const x = b.X(f.Rn);
  const y = shifted(b, sf, f.Rm, f.shift, b.operand(f.imm6));
  setRegister(b, sf, f.Rd, addOrSubtract(b, sf, name.startsWith("SUB"), name.endsWith("S"), x, y));
}

const notRotated = (v: { shift: number }): boolean => v.shift !== SHIFT.ROR;

function addSubtractRows(name: AddSubtractName, opS: "00" | "01" | "10" | "11"): Row[] {
  const setsFlags = opS[1] === "1";
  return [
    row(`${name}_shift_W`, `0 ${opS} 01011 shift=2 0 Rm:5 0 imm6:5 Rn:5 Rd:5`, { when: notRotated }, (b, f) => {
      addSubtractShifted(b, 0, name, f);
    }),
    row(`${name}_shift_X`, `1 ${opS} 01011 shift=2 0 Rm:5 imm6:6 Rn:5 Rd:5`, { when: notRotated }, (b, f) => {
      addSubtractShifted(b, 1, name, f);
    }),
    row(`${name}_ext`, `sf=1 ${opS} 01011 00 1 Rm:5 option=3 imm3:3 Rn:5 Rd:5`, {}, (b, f) => {
      const amount = b.operand(f.imm3);
      b.undefinedIf(amount.gtU(4));
      const y = extended(b.X(f.Rm), f.option).shl(amount.toI64U());
      const result = addOrSubtract(b, f.sf, opS[0] === "1", setsFlags, b.XSP(f.Rn), y);
      if (setsFlags) setRegister(b, f.sf, f.Rd, result);
      else setRegisterSP(b, f.sf, f.Rd, result);
    }),
  ];
}

const withCarry: Row[] = [
  row("ADC", "sf=1 0 S=1 11010000 Rm:5 000000 Rn:5 Rd:5", {}, (b, f) => {
    setRegister(b, f.sf, f.Rd, addWithCarry(b, f.sf, f.S === 1, b.X(f.Rn), b.X(f.Rm)));
  }),
  row("SBC", "sf=1 1 S=1 11010000 Rm:5 000000 Rn:5 Rd:5", {}, (b, f) => {
    setRegister(b, f.sf, f.Rd, addWithCarry(b, f.sf, f.S === 1, b.X(f.Rn), b.X(f.Rm).not()));
  }),
];

/** SETF8 and SETF16: N, Z and V (a carry into the sign) of the low `bits` bits. */
function setFlagsOfLow(b: Builder, bits: number, o: Operand): void {
  const x = b.X(o);
  const top = x.shl(64 - bits);
  b.setFlags(top, top, b.flagC(), top.xor(x.shl(63 - bits)));
}

const flagManipulation: Row[] = [
  row("RMIF", "10111010000 imm6:6 00001 Rn:5 0 mask:4", { feature: "FlagM" }, (b, f) => {
    const rotated = b.X(f.Rn).rotr(b.operand(f.imm6).toI64U()).wrap().shl(28);
    const mask = b.operand(f.mask).shl(28);
    b.setNzcv(b.nzcv().and(mask.not()).or(rotated.and(mask)));
  }),
  row("SETF8", "00111010000 000000 0 0010 Rn:5 0 1101", { feature: "FlagM" }, (b, f) => setFlagsOfLow(b, 8, f.Rn)),
  row("SETF16", "00111010000 000000 1 0010 Rn:5 0 1101", { feature: "FlagM" }, (b, f) => setFlagsOfLow(b, 16, f.Rn)),
  row("CFINV", "1101010100 0 00 000 0100 0000 000 11111", { feature: "FlagM" }, (b) => {
    b.setFlags(b.flagN(), b.flagZ(), b.flagC().xor(1), b.flagV());
  }),
  row("XAFLAG", "1101010100 0 00 000 0100 0000 001 11111", { feature: "FlagM2" }, (b) => {
    const z = b.flagZ().eqz();
    const c = b.flagC();
    const n = z.or(c).eqz();
    const v = z.and(c.eqz());
    b.setFlags(n.toI64U().neg(), z.and(c).eqz().toI64U(), z.or(c), v.toI64U().neg());
  }),
  row("AXFLAG", "1101010100 0 00 000 0100 0000 010 11111", { feature: "FlagM2" }, (b) => {
    const v = b.flagV().shrU(63).wrap();
    const z = b.flagZ().eqz().or(v);
    b.setFlags(b.i64(0), z.eqz().toI64U(), b.flagC().and(v.eqz()), b.i64(0));
  }),
];

interface CompareFields {
  readonly sf: number;
  readonly op: number;
  readonly cond: number;
  readonly nzcv: Operand;
  readonly Rn: Operand;
}

/** CCMP and CCMN: the flags of the comparison, or those given where the condition fails. */
function conditionalCompare(b: Builder, f: CompareFields, y: I64): void {
  b.setFlagsIf(b.condition(f.cond), flagSource(f.sf, f.op === 1, b.X(f.Rn), y), b.operand(f.nzcv).shl(28));
}

const conditionalCompares: Row[] = [
  row("CCMP_reg", "sf=1 op=1 1 11010010 Rm:5 cond=4 00 Rn:5 0 nzcv:4", {}, (b, f) => {
    conditionalCompare(b, f, b.X(f.Rm));
  }),
  row("CCMP_imm", "sf=1 op=1 1 11010010 imm5:5 cond=4 10 Rn:5 0 nzcv:4", {}, (b, f) => {
    conditionalCompare(b, f, b.operand(f.imm5).toI64U());
  }),
];

function selectRow(name: string, op: "0" | "1", o2: "0" | "1", otherwise: (x: I64) => I64): Row {
  return row(name, `sf=1 ${op} 0 11010100 Rm:5 cond=4 0${o2} Rn:5 Rd:5`, {}, (b, f) => {
    const [x, y] = [b.X(f.Rn), otherwise(b.X(f.Rm))];
    setRegister(b, f.sf, f.Rd, b.condition(f.cond).select(x, y));
  });
}

const conditionalSelects: Row[] = [
  selectRow("CSEL", "0", "0", (x) => x),
  selectRow("CSINC", "0", "1", (x) => x.add(1)),
  selectRow("CSINV", "1", "0", (x) => x.not()),
  selectRow("CSNEG", "1", "1", (x) => x.neg()),
];

const oneSource: Row[] = [
  row("RBIT", "sf=1 1 0 11010110 00000 000000 Rn:5 Rd:5", {}, (b, f) => {
    const reversed = reverseBitsInBytes(reorderBytes(b, b.X(f.Rn), [7, 6, 5, 4, 3, 2, 1, 0]));
    b.setX(f.Rd, f.sf ? reversed : reversed.shrU(32));
  }),
  row("REV16", "sf=1 1 0 11010110 00000 000001 Rn:5 Rd:5", {}, (b, f) => {
    setRegister(b, f.sf, f.Rd, reorderBytes(b, b.X(f.Rn), [1, 0, 3, 2, 5, 4, 7, 6]));
  }),
  row("REV_W", "0 1 0 11010110 00000 000010 Rn:5 Rd:5", {}, (b, f) => {
    setRegister(b, 0, f.Rd, reorderBytes(b, b.X(f.Rn), [3, 2, 1, 0, 7, 6, 5, 4]));
  }),
  row("REV32", "1 1 0 11010110 00000 000010 Rn:5 Rd:5", {}, (b, f) => {
    b.setX(f.Rd, reorderBytes(b, b.X(f.Rn), [3, 2, 1, 0, 7, 6, 5, 4]));
  }),
  row("REV_X", "1 1 0 11010110 00000 000011 Rn:5 Rd:5", {}, (b, f) => {
    b.setX(f.Rd, reorderBytes(b, b.X(f.Rn), [7, 6, 5, 4, 3, 2, 1, 0]));
  }),
  row("CLZ", "sf=1 1 0 11010110 00000 000100 Rn:5 Rd:5", {}, (b, f) => {
    if (f.sf) b.setX(f.Rd, b.X(f.Rn).clz());
    else b.setW(f.Rd, b.W(f.Rn).clz());
  }),
  row("CLS", "sf=1 1 0 11010110 00000 000101 Rn:5 Rd:5", {}, (b, f) => {
    if (f.sf) {
      const x = b.X(f.Rn);
      b.setX(f.Rd, x.xor(x.shrS(1)).clz().sub(1));
    } else {
      const w = b.W(f.Rn);
      b.setW(f.Rd, w.xor(w.shrS(1)).clz().sub(1));
    }
  }),
];

function variableShift(name: string, op2: "00" | "01" | "10" | "11", type: number): Row {
  return row(name, `sf=1 0 0 11010110 Rm:5 0010${op2} Rn:5 Rd:5`, {}, (b, f) => {
    setRegister(b, f.sf, f.Rd, shifted(b, f.sf, f.Rn, type, b.W(f.Rm)));
  });
}

const twoSource: Row[] = [
  row("UDIV", "sf=1 0 0 11010110 Rm:5 000010 Rn:5 Rd:5", {}, (b, f) => {
    b.setX(f.Rd, divideUnsigned(b, f.sf, f.Rn, f.Rm));
  }),
  row("SDIV", "sf=1 0 0 11010110 Rm:5 000011 Rn:5 Rd:5", {}, (b, f) => {
    b.setX(f.Rd, divideSigned(b, f.sf, f.Rn, f.Rm));
  }),
  variableShift("LSLV", "00", SHIFT.LSL),
  variableShift("LSRV", "01", SHIFT.LSR),
  variableShift("ASRV", "10", SHIFT.ASR),
  variableShift("RORV", "11", SHIFT.ROR),
  row(
    "CRC32",
    "sf=1 0 0 11010110 Rm:5 010 C=1 sz=2 Rn:5 Rd:5",
    { feature: "CRC32", when: (v) => (v.sf === 1) === (v.sz === 3) },
    (b, f) => b.setW(f.Rd, crc32(b, f.C === 1, (1 << f.sz) as 1 | 2 | 4 | 8, b.W(f.Rn), b.X(f.Rm))),
  ),
];

/** MADDL and MSUBL take W registers extended by their sign, or by zero where U = 1. */
const widened = (b: Builder, o: Operand, unsigned: number): I64 => (unsigned ? b.W(o).toI64U() : b.W(o).toI64S());

const threeSource: Row[] = [
  row("MADD", "sf=1 00 11011 000 Rm:5 0 Ra:5 Rn:5 Rd:5", {}, (b, f) => {
    setRegister(b, f.sf, f.Rd, b.X(f.Ra).add(b.X(f.Rn).mul(b.X(f.Rm))));
  }),
  row("MSUB", "sf=1 00 11011 000 Rm:5 1 Ra:5 Rn:5 Rd:5", {}, (b, f) => {
    setRegister(b, f.sf, f.Rd, b.X(f.Ra).sub(b.X(f.Rn).mul(b.X(f.Rm))));
  }),
  row("MADDL", "1 00 11011 U=1 01 Rm:5 0 Ra:5 Rn:5 Rd:5", {}, (b, f) => {
    b.setX(f.Rd, b.X(f.Ra).add(widened(b, f.Rn, f.U).mul(widened(b, f.Rm, f.U))));
  }),
  row("MSUBL", "1 00 11011 U=1 01 Rm:5 1 Ra:5 Rn:5 Rd:5", {}, (b, f) => {
    b.setX(f.Rd, b.X(f.Ra).sub(widened(b, f.Rn, f.U).mul(widened(b, f.Rm, f.U))));
  }),
  row("SMULH", "1 00 11011 0 10 Rm:5 0 xxxxx Rn:5 Rd:5", {}, (b, f) => {
    b.setX(f.Rd, multiplyHighSigned(b.X(f.Rn), b.X(f.Rm)));
  }),
  row("UMULH", "1 00 11011 1 10 Rm:5 0 xxxxx Rn:5 Rd:5", {}, (b, f) => {
    b.setX(f.Rd, multiplyHighUnsigned(b.X(f.Rn), b.X(f.Rm)));
  }),
];

export const dataRegister: readonly Row[] = [
  ...logicalRows("AND", "00", "0"),
  ...logicalRows("BIC", "00", "1"),
  ...logicalRows("ORR", "01", "0"),
  ...logicalRows("ORN", "01", "1"),
  ...logicalRows("EOR", "10", "0"),
  ...logicalRows("EON", "10", "1"),
  ...logicalRows("ANDS", "11", "0"),
  ...logicalRows("BICS", "11", "1"),
  ...addSubtractRows("ADD", "00"),
  ...addSubtractRows("ADDS", "01"),
  ...addSubtractRows("SUB", "10"),
  ...addSubtractRows("SUBS", "11"),
  ...withCarry,
  ...flagManipulation,
  ...conditionalCompares,
  ...conditionalSelects,
  ...oneSource,
  ...twoSource,
  ...threeSource,
];
