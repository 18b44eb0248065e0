/** Data processing (immediate): DDI 0487, C4.1 "Data Processing -- Immediate". */
import type { Builder } from "../../engine/builder.js";
import type { I64 } from "../../engine/ir/value.js";
import { type Operand, type Row, row } from "../pattern.js";
import { addOrSubtract, setFlagsOfResult, setRegister, setRegisterSP } from "../semantics/arithmetic.js";
import { bitfield } from "../semantics/bits.js";

/** PC-relative offset from immhi:immlo. */
function relative(b: Builder, f: { immhi: Operand; immlo: Operand }): I64 {
  return b.signed(f.immhi).shl(2).or(b.operand(f.immlo).toI64U());
}

const addresses: Row[] = [
  row("ADR", "0 immlo:2 10000 immhi:19 Rd:5", {}, (b, f) => {
    b.setX(f.Rd, b.pc().add(relative(b, f)));
  }),
  row("ADRP", "1 immlo:2 10000 immhi:19 Rd:5", {}, (b, f) => {
    b.setX(f.Rd, b.page().add(relative(b, f).shl(12)));
  }),
];

function addSubtractImmediate(mnemonic: string, opS: "00" | "01" | "10" | "11"): Row {
  const setsFlags = opS[1] === "1";
  return row(`${mnemonic}_imm`, `sf=1 ${opS} 100010 sh=1 imm12:12 Rn:5 Rd:5`, {}, (b, f) => {
    const imm = b
      .operand(f.imm12)
      .toI64U()
      .shl(f.sh ? 12 : 0);
    const result = addOrSubtract(b, f.sf, opS[0] === "1", setsFlags, b.XSP(f.Rn), imm);
    if (setsFlags) setRegister(b, f.sf, f.Rd, result);
    else setRegisterSP(b, f.sf, f.Rd, result);
  });
}

type LogicalOpc = "00" | "01" | "10" | "11";

/** Writes AND, ORR, EOR or ANDS of Xn and a mask; only ANDS cannot write SP. */
function logical(b: Builder, sf: number, opc: LogicalOpc, f: { Rn: Operand; Rd: Operand }, mask: I64): void {
  const x = b.X(f.Rn);
  if (opc === "11") {
    const result = x.and(mask);
    setFlagsOfResult(b, sf, result);
    setRegister(b, sf, f.Rd, result);
  } else {
    setRegisterSP(b, sf, f.Rd, opc === "00" ? x.and(mask) : opc === "01" ? x.or(mask) : x.xor(mask));
  }
}

/**
 * A bitmask: S + 1 ones in an element of `size` bits, repeated to 64 and rotated by R, which comes to the same as
 * rotating each element. All ones in an element is reserved.
 */
function bitmask(b: Builder, size: 2 | 4 | 8 | 16 | 32 | 64, s: Operand, r: Operand): I64 {
  const ones = b.operand(s);
  b.undefinedIf(ones.eq(size - 1));
  const element = b.i64(2).shl(ones.toI64U()).sub(1);
  const repeat = ((1n << 64n) - 1n) / ((1n << BigInt(size)) - 1n);
  const wide = size === 64 ? element : element.mul(BigInt.asIntN(64, repeat));
  return wide.rotr(b.operand(r).toI64U());
}

/** One row per element size: N and the leading ones of imms say which, and immr counts modulo it. */
function logicalImmediate(mnemonic: string, opc: LogicalOpc): Row[] {
  return [
    row(`${mnemonic}_imm_e64`, `1 ${opc} 100100 1 immr:6 imms:6 Rn:5 Rd:5`, {}, (b, f) => {
      logical(b, 1, opc, f, bitmask(b, 64, f.imms, f.immr));
    }),
    row(`${mnemonic}_imm_e32`, `sf=1 ${opc} 100100 0 x immr:5 0 imms:5 Rn:5 Rd:5`, {}, (b, f) => {
      logical(b, f.sf, opc, f, bitmask(b, 32, f.imms, f.immr));
    }),
    row(`${mnemonic}_imm_e16`, `sf=1 ${opc} 100100 0 xx immr:4 10 imms:4 Rn:5 Rd:5`, {}, (b, f) => {
      logical(b, f.sf, opc, f, bitmask(b, 16, f.imms, f.immr));
    }),
    row(`${mnemonic}_imm_e8`, `sf=1 ${opc} 100100 0 xxx immr:3 110 imms:3 Rn:5 Rd:5`, {}, (b, f) => {
      logical(b, f.sf, opc, f, bitmask(b, 8, f.imms, f.immr));
    }),
    row(`${mnemonic}_imm_e4`, `sf=1 ${opc} 100100 0 xxxx immr:2 1110 imms:2 Rn:5 Rd:5`, {}, (b, f) => {
      logical(b, f.sf, opc, f, bitmask(b, 4, f.imms, f.immr));
    }),
    row(`${mnemonic}_imm_e2`, `sf=1 ${opc} 100100 0 xxxxx immr:1 11110 imms:1 Rn:5 Rd:5`, {}, (b, f) => {
      logical(b, f.sf, opc, f, bitmask(b, 2, f.imms, f.immr));
    }),
  ];
}

/** hw 2 and 3 need a 64-bit register. */
const halfwordFits = (v: { sf: number; hw: number }): boolean => v.sf === 1 || v.hw < 2;

const moveWide: Row[] = [
  row("MOVN", "sf=1 00 100101 hw=2 imm16:16 Rd:5", { when: halfwordFits }, (b, f) => {
    setRegister(
      b,
      f.sf,
      f.Rd,
      b
        .operand(f.imm16)
        .toI64U()
        .shl(16 * f.hw)
        .not(),
    );
  }),
  row("MOVZ", "sf=1 10 100101 hw=2 imm16:16 Rd:5", { when: halfwordFits }, (b, f) => {
    b.setX(
      f.Rd,
      b
        .operand(f.imm16)
        .toI64U()
        .shl(16 * f.hw),
    );
  }),
  row("MOVK", "sf=1 11 100101 hw=2 imm16:16 Rd:5", { when: halfwordFits }, (b, f) => {
    const kept = b.X(f.Rd).and(~(0xffffn << BigInt(16 * f.hw)));
    setRegister(
      b,
      f.sf,
      f.Rd,
      kept.or(
        b
          .operand(f.imm16)
          .toI64U()
          .shl(16 * f.hw),
      ),
    );
  }),
];

interface BitfieldFields {
  readonly immr: Operand;
  readonly imms: Operand;
  readonly Rn: Operand;
  readonly Rd: Operand;
}

function moveBitfield(b: Builder, sf: number, signed: boolean, f: BitfieldFields): void {
  b.setX(f.Rd, bitfield(sf, signed, b.X(f.Rn), b.operand(f.immr), b.operand(f.imms)));
}

function insertBitfield(b: Builder, sf: number, f: BitfieldFields): void {
  const [immr, imms] = [b.operand(f.immr), b.operand(f.imms)];
  const field = bitfield(sf, false, b.X(f.Rn), immr, imms);
  const mask = bitfield(sf, false, b.i64(-1), immr, imms);
  setRegister(b, sf, f.Rd, b.X(f.Rd).and(mask.not()).or(field));
}

const bitfields: Row[] = [
  row("SBFM_W", "0 00 100110 00 immr:5 0 imms:5 Rn:5 Rd:5", {}, (b, f) => moveBitfield(b, 0, true, f)),
  row("SBFM_X", "1 00 100110 1 immr:6 imms:6 Rn:5 Rd:5", {}, (b, f) => moveBitfield(b, 1, true, f)),
  row("BFM_W", "0 01 100110 00 immr:5 0 imms:5 Rn:5 Rd:5", {}, (b, f) => insertBitfield(b, 0, f)),
  row("BFM_X", "1 01 100110 1 immr:6 imms:6 Rn:5 Rd:5", {}, (b, f) => insertBitfield(b, 1, f)),
  row("UBFM_W", "0 10 100110 00 immr:5 0 imms:5 Rn:5 Rd:5", {}, (b, f) => moveBitfield(b, 0, false, f)),
  row("UBFM_X", "1 10 100110 1 immr:6 imms:6 Rn:5 Rd:5", {}, (b, f) => moveBitfield(b, 1, false, f)),
];

// Shifting the upper operand by one and then by width − 1 − lsb keeps every amount below the width.
const extract: Row[] = [
  row("EXTR_W", "0 00 100111 00 Rm:5 0 imms:5 Rn:5 Rd:5", {}, (b, f) => {
    const lsb = b.operand(f.imms);
    b.setW(f.Rd, b.W(f.Rn).shl(1).shl(lsb.not()).or(b.W(f.Rm).shrU(lsb)));
  }),
  row("EXTR_X", "1 00 100111 10 Rm:5 imms:6 Rn:5 Rd:5", {}, (b, f) => {
    const lsb = b.operand(f.imms).toI64U();
    b.setX(f.Rd, b.X(f.Rn).shl(1).shl(lsb.not()).or(b.X(f.Rm).shrU(lsb)));
  }),
];

export const dataImmediate: readonly Row[] = [
  ...addresses,
  addSubtractImmediate("ADD", "00"),
  addSubtractImmediate("ADDS", "01"),
  addSubtractImmediate("SUB", "10"),
  addSubtractImmediate("SUBS", "11"),
  ...logicalImmediate("AND", "00"),
  ...logicalImmediate("ORR", "01"),
  ...logicalImmediate("EOR", "10"),
  ...logicalImmediate("ANDS", "11"),
  ...moveWide,
  ...bitfields,
  ...extract,
];
