/**
 * Scalar floating point (DDI 0487, C4.1 "Data processing: Scalar Floating-Point and Advanced SIMD": floating-point
 * data-processing with 1, 2 and 3 sources, compare, conditional compare and select, immediate, conversion between
 * floating-point and fixed-point or integer).
 */
import type { ArithmeticName } from "../../engine/fp/operations.js";
import type { Feature } from "../features.js";
import { type Row, row } from "../pattern.js";
import {
  binary,
  compare,
  compareZero,
  conditionalCompare,
  conditionalSelect,
  convertFormat,
  fractionBits,
  fromInteger,
  moveFromGeneral,
  moveImmediate,
  moveToGeneral,
  multiplyAdd,
  signOperation,
  toInteger,
  toJavaScriptInteger,
  unary,
} from "../semantics/fp-scalar.js";

interface Typed {
  readonly ftype: number;
}
const featureOf = (v: Typed): Feature | undefined => (v.ftype === 3 ? "FP16" : undefined);
/** ftype 2 is unallocated, 3 (half precision) needs FEAT_FP16. */
const TYPED = { fp: true, when: (v: Typed) => v.ftype !== 2, feature: featureOf } as const;
/** FRINT32Z and its kin have no half-precision forms. */
const WITHOUT_HALF = { fp: true, when: (v: Typed) => v.ftype < 2, feature: "FRINTTS" } as const;

const ROUNDINGS = { N: "000", P: "001", M: "010", Z: "011", A: "100", X: "110", I: "111" } as const;
const SIZES = { FRINT32Z: "00", FRINT32X: "01", FRINT64Z: "10", FRINT64X: "11" } as const;
const SIGNS = { FMOV: "00", FABS: "01", FNEG: "10" } as const;

const entries = <K extends string, V>(from: Readonly<Record<K, V>>): [K, V][] => Object.entries(from) as [K, V][];

const oneSource: readonly Row[] = [
  ...entries(SIGNS).map(([name, opcode]) =>
    row(`${name}_float`, `000 11110 ftype=2 1 0000 ${opcode} 10000 Rn:5 Rd:5`, TYPED, signOperation(name)),
  ),
  row("FSQRT_float", "000 11110 ftype=2 1 000011 10000 Rn:5 Rd:5", TYPED, unary("FSQRT")),
  ...entries(ROUNDINGS).map(([letter, opcode]) =>
    row(`FRINT${letter}_float`, `000 11110 ftype=2 1 001 ${opcode} 10000 Rn:5 Rd:5`, TYPED, unary(`FRINT${letter}`)),
  ),
  ...entries(SIZES).map(([name, opcode]) =>
    row(`${name}_float`, `000 11110 ftype=2 1 0100 ${opcode} 10000 Rn:5 Rd:5`, WITHOUT_HALF, unary(name)),
  ),
  row(
    "FCVT_float",
    "000 11110 ftype=2 1 0001 opc=2 10000 Rn:5 Rd:5",
    { fp: true, when: (v) => v.ftype !== 2 && v.opc !== 2 && v.ftype !== v.opc },
    convertFormat,
  ),
];

const TWO_SOURCE = {
  FMUL: "0000",
  FDIV: "0001",
  FADD: "0010",
  FSUB: "0011",
  FMAX: "0100",
  FMIN: "0101",
  FMAXNM: "0110",
  FMINNM: "0111",
} as const satisfies Partial<Record<ArithmeticName, string>>;

const twoSource: readonly Row[] = [
  ...entries(TWO_SOURCE).map(([name, opcode]) =>
    row(`${name}_float`, `000 11110 ftype=2 1 Rm:5 ${opcode} 10 Rn:5 Rd:5`, TYPED, binary(name)),
  ),
  row("FNMUL_float", "000 11110 ftype=2 1 Rm:5 1000 10 Rn:5 Rd:5", TYPED, binary("FMUL", true)),
];

const threeSource: readonly Row[] = [
  row("FMADD", "000 11111 ftype=2 0 Rm:5 0 Ra:5 Rn:5 Rd:5", TYPED, multiplyAdd(false, false)),
  row("FMSUB", "000 11111 ftype=2 0 Rm:5 1 Ra:5 Rn:5 Rd:5", TYPED, multiplyAdd(true, false)),
  row("FNMADD", "000 11111 ftype=2 1 Rm:5 0 Ra:5 Rn:5 Rd:5", TYPED, multiplyAdd(true, true)),
  row("FNMSUB", "000 11111 ftype=2 1 Rm:5 1 Ra:5 Rn:5 Rd:5", TYPED, multiplyAdd(false, true)),
];

const comparison: readonly Row[] = [
  row("FCMP", "000 11110 ftype=2 1 Rm:5 00 1000 Rn:5 00 000", TYPED, compare(false)),
  row("FCMP_zero", "000 11110 ftype=2 1 xxxxx 00 1000 Rn:5 01 000", TYPED, compareZero(false)),
  row("FCMPE", "000 11110 ftype=2 1 Rm:5 00 1000 Rn:5 10 000", TYPED, compare(true)),
  row("FCMPE_zero", "000 11110 ftype=2 1 xxxxx 00 1000 Rn:5 11 000", TYPED, compareZero(true)),
  row("FCCMP", "000 11110 ftype=2 1 Rm:5 cond=4 01 Rn:5 op=1 nzcv:4", TYPED, conditionalCompare),
  row("FCSEL", "000 11110 ftype=2 1 Rm:5 cond=4 11 Rn:5 Rd:5", TYPED, conditionalSelect),
];

const moves: readonly Row[] = [
  row("FMOV_imm_float", "000 11110 ftype=2 1 imm8:8 100 00000 Rd:5", TYPED, moveImmediate),
  row(
    "FMOV_to_general",
    "sf=1 00 11110 ftype=2 1 00 110 000000 Rn:5 Rd:5",
    { fp: true, when: (v) => v.ftype === 3 || v.ftype === v.sf, feature: featureOf },
    moveToGeneral,
  ),
  row(
    "FMOV_from_general",
    "sf=1 00 11110 ftype=2 1 00 111 000000 Rn:5 Rd:5",
    { fp: true, when: (v) => v.ftype === 3 || v.ftype === v.sf, feature: featureOf },
    moveFromGeneral,
  ),
  row("FMOV_top_to_general", "1 00 11110 10 1 01 110 000000 Rn:5 Rd:5", { fp: true }, (b, f) => {
    b.setX(f.Rd, b.V(f.Rn).i64(1));
  }),
  row("FMOV_top_from_general", "1 00 11110 10 1 01 111 000000 Rn:5 Rd:5", { fp: true }, (b, f) => {
    b.setV(f.Rd, b.V(f.Rd).withElement(64, 1, b.X(f.Rn)));
  }),
];

/** rmode, and the upper two bits of opcode. */
const TO_INTEGER = {
  N: ["00", "00"],
  P: ["01", "00"],
  M: ["10", "00"],
  Z: ["11", "00"],
  A: ["00", "10"],
} as const;
const UNSIGNED = { S: "0", U: "1" } as const;

/** A 32-bit integer has at most 32 fraction bits: scale is at least 32. */
const FIXED = {
  ...TYPED,
  when: (v: Typed & { sf: number; top: number }) => v.ftype !== 2 && (v.sf === 1 || v.top === 1),
};

const conversion: readonly Row[] = [
  ...entries(UNSIGNED).flatMap(([sign, bit]) => [
    ...entries(TO_INTEGER).map(([letter, [rmode, opcode]]) =>
      row(
        `FCVT${letter}${sign}_float`,
        `sf=1 00 11110 ftype=2 1 ${rmode} ${opcode} ${bit} 000000 Rn:5 Rd:5`,
        TYPED,
        toInteger(letter, sign === "U"),
      ),
    ),
    row(`${sign}CVTF_float`, `sf=1 00 11110 ftype=2 1 00 01 ${bit} 000000 Rn:5 Rd:5`, TYPED, fromInteger(sign === "U")),
    row(`FCVTZ${sign}_fixed`, `sf=1 00 11110 ftype=2 0 11 00 ${bit} top=1 scale:5 Rn:5 Rd:5`, FIXED, (b, f) =>
      toInteger("Z", sign === "U")(b, f, fractionBits(b, f)),
    ),
    row(`${sign}CVTF_fixed`, `sf=1 00 11110 ftype=2 0 00 01 ${bit} top=1 scale:5 Rn:5 Rd:5`, FIXED, (b, f) =>
      fromInteger(sign === "U")(b, f, fractionBits(b, f)),
    ),
  ]),
  row("FJCVTZS", "0 00 11110 01 1 11 110 000000 Rn:5 Rd:5", { fp: true, feature: "JSCVT" }, toJavaScriptInteger),
];

export const fpScalar: readonly Row[] = [
  ...oneSource,
  ...twoSource,
  ...threeSource,
  ...comparison,
  ...moves,
  ...conversion,
];
