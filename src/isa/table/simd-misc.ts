/** Advanced SIMD two-register miscellaneous, across lanes and scalar pairwise, integer (DDI 0487, C4.1). */
import { type Row, row } from "../pattern.js";
import {
  acrossLanes,
  addpScalar,
  narrowingUnary,
  shll,
  twoRegister,
  twoRegisterLong,
} from "../semantics/simd-forms.js";
import { given } from "../semantics/simd-registers.js";
import { extractNarrow, type Narrowing } from "../semantics/simd-shift.js";
import {
  abs,
  adalp,
  addlp,
  addlv,
  addv,
  cls,
  clz,
  cmeq0,
  cmge0,
  cmgt0,
  cmle0,
  cmlt0,
  cnt,
  maxv,
  minv,
  neg,
  not,
  qabs,
  qneg,
  rbit,
  rev,
  suqadd,
  usqadd,
} from "../semantics/simd-unary.js";

interface Shape {
  readonly Q: number;
  readonly size: number;
}
const fp = true;
const allSizes = { fp, when: (v: Shape) => v.size < 3 || v.Q === 1 };
const upToWords = { fp, when: (v: { size: number }) => v.size < 3 };
const upToHalves = { fp, when: (v: { size: number }) => v.size < 2 };
const bytesOnly = { fp, when: (v: { size: number }) => v.size === 0 };
const scalarD = { fp, when: (v: { size: number }) => v.size === 3 };
/** No across form has two elements. */
const across = { fp, when: (v: Shape) => v.size < 2 || (v.size === 2 && v.Q === 1) };

const extract = (kind: Narrowing) => narrowingUnary(extractNarrow(kind));

/** The size field says which operation it is. */
const bytes = given({ size: 0 });

// biome-ignore format: one row a line
export const simdMisc: readonly Row[] = [
  row("REV64_vec", "0 Q=1 0 01110 size=2 10000 00000 10 Rn:5 Rd:5", upToWords, twoRegister(rev(3))),
  row("REV16_vec", "0 Q=1 0 01110 size=2 10000 00001 10 Rn:5 Rd:5", bytesOnly, twoRegister(rev(1))),
  row("REV32_vec", "0 Q=1 1 01110 size=2 10000 00000 10 Rn:5 Rd:5", upToHalves, twoRegister(rev(2))),
  row("SADDLP", "0 Q=1 0 01110 size=2 10000 00010 10 Rn:5 Rd:5", upToWords, twoRegisterLong(addlp(true))),
  row("UADDLP", "0 Q=1 1 01110 size=2 10000 00010 10 Rn:5 Rd:5", upToWords, twoRegisterLong(addlp(false))),
  row("SUQADD_vec", "0 Q=1 0 01110 size=2 10000 00011 10 Rn:5 Rd:5", allSizes, twoRegister(suqadd)),
  row("USQADD_vec", "0 Q=1 1 01110 size=2 10000 00011 10 Rn:5 Rd:5", allSizes, twoRegister(usqadd)),
  row("CLS_vec", "0 Q=1 0 01110 size=2 10000 00100 10 Rn:5 Rd:5", upToWords, twoRegister(cls)),
  row("CLZ_vec", "0 Q=1 1 01110 size=2 10000 00100 10 Rn:5 Rd:5", upToWords, twoRegister(clz)),
  row("CNT_vec", "0 Q=1 0 01110 size=2 10000 00101 10 Rn:5 Rd:5", bytesOnly, twoRegister(cnt)),
  row("NOT_vec", "0 Q=1 1 01110 00 10000 00101 10 Rn:5 Rd:5", { fp }, bytes(twoRegister(not))),
  row("RBIT_vec", "0 Q=1 1 01110 01 10000 00101 10 Rn:5 Rd:5", { fp }, bytes(twoRegister(rbit))),
  row("SADALP", "0 Q=1 0 01110 size=2 10000 00110 10 Rn:5 Rd:5", upToWords, twoRegisterLong(adalp(true))),
  row("UADALP", "0 Q=1 1 01110 size=2 10000 00110 10 Rn:5 Rd:5", upToWords, twoRegisterLong(adalp(false))),
  row("SQABS_vec", "0 Q=1 0 01110 size=2 10000 00111 10 Rn:5 Rd:5", allSizes, twoRegister(qabs)),
  row("SQNEG_vec", "0 Q=1 1 01110 size=2 10000 00111 10 Rn:5 Rd:5", allSizes, twoRegister(qneg)),
  row("CMGT_zero_vec", "0 Q=1 0 01110 size=2 10000 01000 10 Rn:5 Rd:5", allSizes, twoRegister(cmgt0)),
  row("CMGE_zero_vec", "0 Q=1 1 01110 size=2 10000 01000 10 Rn:5 Rd:5", allSizes, twoRegister(cmge0)),
  row("CMEQ_zero_vec", "0 Q=1 0 01110 size=2 10000 01001 10 Rn:5 Rd:5", allSizes, twoRegister(cmeq0)),
  row("CMLE_zero_vec", "0 Q=1 1 01110 size=2 10000 01001 10 Rn:5 Rd:5", allSizes, twoRegister(cmle0)),
  row("CMLT_zero_vec", "0 Q=1 0 01110 size=2 10000 01010 10 Rn:5 Rd:5", allSizes, twoRegister(cmlt0)),
  row("ABS_vec", "0 Q=1 0 01110 size=2 10000 01011 10 Rn:5 Rd:5", allSizes, twoRegister(abs)),
  row("NEG_vec", "0 Q=1 1 01110 size=2 10000 01011 10 Rn:5 Rd:5", allSizes, twoRegister(neg)),
  row("XTN_vec", "0 Q=1 0 01110 size=2 10000 10010 10 Rn:5 Rd:5", upToWords, extract("truncate")),
  row("SQXTUN_vec", "0 Q=1 1 01110 size=2 10000 10010 10 Rn:5 Rd:5", upToWords, extract("signedToUnsigned")),
  row("SQXTN_vec", "0 Q=1 0 01110 size=2 10000 10100 10 Rn:5 Rd:5", upToWords, extract("signed")),
  row("UQXTN_vec", "0 Q=1 1 01110 size=2 10000 10100 10 Rn:5 Rd:5", upToWords, extract("unsigned")),
  row("SHLL", "0 Q=1 1 01110 size=2 10000 10011 10 Rn:5 Rd:5", upToWords, shll),

  // scalar
  row("SUQADD_scalar", "01 0 11110 size=2 10000 00011 10 Rn:5 Rd:5", { fp }, twoRegister(suqadd)),
  row("USQADD_scalar", "01 1 11110 size=2 10000 00011 10 Rn:5 Rd:5", { fp }, twoRegister(usqadd)),
  row("SQABS_scalar", "01 0 11110 size=2 10000 00111 10 Rn:5 Rd:5", { fp }, twoRegister(qabs)),
  row("SQNEG_scalar", "01 1 11110 size=2 10000 00111 10 Rn:5 Rd:5", { fp }, twoRegister(qneg)),
  row("CMGT_zero_scalar", "01 0 11110 size=2 10000 01000 10 Rn:5 Rd:5", scalarD, twoRegister(cmgt0)),
  row("CMGE_zero_scalar", "01 1 11110 size=2 10000 01000 10 Rn:5 Rd:5", scalarD, twoRegister(cmge0)),
  row("CMEQ_zero_scalar", "01 0 11110 size=2 10000 01001 10 Rn:5 Rd:5", scalarD, twoRegister(cmeq0)),
  row("CMLE_zero_scalar", "01 1 11110 size=2 10000 01001 10 Rn:5 Rd:5", scalarD, twoRegister(cmle0)),
  row("CMLT_zero_scalar", "01 0 11110 size=2 10000 01010 10 Rn:5 Rd:5", scalarD, twoRegister(cmlt0)),
  row("ABS_scalar", "01 0 11110 size=2 10000 01011 10 Rn:5 Rd:5", scalarD, twoRegister(abs)),
  row("NEG_scalar", "01 1 11110 size=2 10000 01011 10 Rn:5 Rd:5", scalarD, twoRegister(neg)),
  row("SQXTUN_scalar", "01 1 11110 size=2 10000 10010 10 Rn:5 Rd:5", upToWords, extract("signedToUnsigned")),
  row("SQXTN_scalar", "01 0 11110 size=2 10000 10100 10 Rn:5 Rd:5", upToWords, extract("signed")),
  row("UQXTN_scalar", "01 1 11110 size=2 10000 10100 10 Rn:5 Rd:5", upToWords, extract("unsigned")),

  // across lanes, scalar pairwise
  row("SADDLV", "0 Q=1 0 01110 size=2 11000 00011 10 Rn:5 Rd:5", across, acrossLanes(addlv(true), true)),
  row("UADDLV", "0 Q=1 1 01110 size=2 11000 00011 10 Rn:5 Rd:5", across, acrossLanes(addlv(false), true)),
  row("SMAXV", "0 Q=1 0 01110 size=2 11000 01010 10 Rn:5 Rd:5", across, acrossLanes(maxv(true))),
  row("UMAXV", "0 Q=1 1 01110 size=2 11000 01010 10 Rn:5 Rd:5", across, acrossLanes(maxv(false))),
  row("SMINV", "0 Q=1 0 01110 size=2 11000 11010 10 Rn:5 Rd:5", across, acrossLanes(minv(true))),
  row("UMINV", "0 Q=1 1 01110 size=2 11000 11010 10 Rn:5 Rd:5", across, acrossLanes(minv(false))),
  row("ADDV", "0 Q=1 0 01110 size=2 11000 11011 10 Rn:5 Rd:5", across, acrossLanes(addv)),
  row("ADDP_scalar", "01 0 11110 11 11000 11011 10 Rn:5 Rd:5", { fp }, addpScalar),
];
