/**
 * Advanced SIMD three same, vector and scalar, integer (DDI 0487, C4.1), and three same (extra): FEAT_RDM,
 * FEAT_DotProd, FEAT_I8MM.
 */
import { type Row, row } from "../pattern.js";
import { dotProduct, matrixMultiply } from "../semantics/simd-dot.js";
import { pairwise, threeSame } from "../semantics/simd-forms.js";
import {
  aba,
  abd,
  add,
  and,
  bic,
  bif,
  bit,
  bsl,
  cmeq,
  cmge,
  cmgt,
  cmhi,
  cmhs,
  cmtst,
  eor,
  hadd,
  hsub,
  max,
  min,
  mla,
  mls,
  mul,
  orn,
  orr,
  pmul,
  qadd,
  qdmulh,
  qrdmlah,
  qsub,
  rhadd,
  sub,
} from "../semantics/simd-integer.js";
import { given } from "../semantics/simd-registers.js";
import { registerShift } from "../semantics/simd-shift.js";

interface Shape {
  readonly Q: number;
  readonly size: number;
}
const fp = true;
/** B, H, S, and D in whole registers. */
const allSizes = { fp, when: (v: Shape) => v.size < 3 || v.Q === 1 };
const bytesOnly = { fp, when: (v: Shape) => v.size === 0 };
const upToWords = { fp, when: (v: Shape) => v.size < 3 };
const halvesAndWords = { fp, when: (v: Shape) => v.size === 1 || v.size === 2 };
const scalarD = { fp, when: (v: { size: number }) => v.size === 3 };
const scalarHalvesAndWords = { fp, when: (v: { size: number }) => v.size === 1 || v.size === 2 };
const rdm = { ...halvesAndWords, feature: "RDM" } as const;
const scalarRdm = { ...scalarHalvesAndWords, feature: "RDM" } as const;
const dot = { fp, feature: "DotProd" } as const;
const i8mm = { fp, feature: "I8MM" } as const;

const shifts = (signed: boolean) =>
  [
    ["SHL", "01000", { signed, rounding: false, saturating: false }],
    ["QSHL", "01001", { signed, rounding: false, saturating: true }],
    ["RSHL", "01010", { signed, rounding: true, saturating: false }],
    ["QRSHL", "01011", { signed, rounding: true, saturating: true }],
  ] as const;

/** SSHL and its kin, vector and scalar; without saturation the scalar ones are 64 bits only. */
const registerShifts: readonly Row[] = [true, false].flatMap((signed) =>
  shifts(signed).flatMap(([stem, opcode, kind]) => {
    const name = `${signed ? "S" : "U"}${stem}_reg`;
    const body = threeSame(registerShift(kind));
    const low = `1 Rm:5 ${opcode} 1 Rn:5 Rd:5`;
    const vector = `0 Q=1 ${signed ? 0 : 1} 01110 size=2 ${low}` as "Q=1 size=2 Rm:5 Rn:5 Rd:5";
    const scalar = `01 ${signed ? 0 : 1} 11110 size=2 ${low}` as "size=2 Rm:5 Rn:5 Rd:5";
    return [
      row(`${name}_vec`, vector, allSizes, body),
      row(`${name}_scalar`, scalar, kind.saturating ? { fp } : scalarD, body),
    ];
  }),
);

/** The size field says which operation it is. */
const bytes = given({ size: 0 });

// biome-ignore format: one row a line
export const simdThreeSame: readonly Row[] = [
  row("SHADD_vec", "0 Q=1 0 01110 size=2 1 Rm:5 00000 1 Rn:5 Rd:5", upToWords, threeSame(hadd(true))),
  row("UHADD_vec", "0 Q=1 1 01110 size=2 1 Rm:5 00000 1 Rn:5 Rd:5", upToWords, threeSame(hadd(false))),
  row("SQADD_vec", "0 Q=1 0 01110 size=2 1 Rm:5 00001 1 Rn:5 Rd:5", allSizes, threeSame(qadd(true))),
  row("UQADD_vec", "0 Q=1 1 01110 size=2 1 Rm:5 00001 1 Rn:5 Rd:5", allSizes, threeSame(qadd(false))),
  row("SRHADD_vec", "0 Q=1 0 01110 size=2 1 Rm:5 00010 1 Rn:5 Rd:5", upToWords, threeSame(rhadd(true))),
  row("URHADD_vec", "0 Q=1 1 01110 size=2 1 Rm:5 00010 1 Rn:5 Rd:5", upToWords, threeSame(rhadd(false))),
  row("AND_vec", "0 Q=1 0 01110 00 1 Rm:5 00011 1 Rn:5 Rd:5", { fp }, bytes(threeSame(and))),
  row("BIC_vec", "0 Q=1 0 01110 01 1 Rm:5 00011 1 Rn:5 Rd:5", { fp }, bytes(threeSame(bic))),
  row("ORR_vec", "0 Q=1 0 01110 10 1 Rm:5 00011 1 Rn:5 Rd:5", { fp }, bytes(threeSame(orr))),
  row("ORN_vec", "0 Q=1 0 01110 11 1 Rm:5 00011 1 Rn:5 Rd:5", { fp }, bytes(threeSame(orn))),
  row("EOR_vec", "0 Q=1 1 01110 00 1 Rm:5 00011 1 Rn:5 Rd:5", { fp }, bytes(threeSame(eor))),
  row("BSL_vec", "0 Q=1 1 01110 01 1 Rm:5 00011 1 Rn:5 Rd:5", { fp }, bytes(threeSame(bsl))),
  row("BIT_vec", "0 Q=1 1 01110 10 1 Rm:5 00011 1 Rn:5 Rd:5", { fp }, bytes(threeSame(bit))),
  row("BIF_vec", "0 Q=1 1 01110 11 1 Rm:5 00011 1 Rn:5 Rd:5", { fp }, bytes(threeSame(bif))),
  row("SHSUB_vec", "0 Q=1 0 01110 size=2 1 Rm:5 00100 1 Rn:5 Rd:5", upToWords, threeSame(hsub(true))),
  row("UHSUB_vec", "0 Q=1 1 01110 size=2 1 Rm:5 00100 1 Rn:5 Rd:5", upToWords, threeSame(hsub(false))),
  row("SQSUB_vec", "0 Q=1 0 01110 size=2 1 Rm:5 00101 1 Rn:5 Rd:5", allSizes, threeSame(qsub(true))),
  row("UQSUB_vec", "0 Q=1 1 01110 size=2 1 Rm:5 00101 1 Rn:5 Rd:5", allSizes, threeSame(qsub(false))),
  row("CMGT_vec", "0 Q=1 0 01110 size=2 1 Rm:5 00110 1 Rn:5 Rd:5", allSizes, threeSame(cmgt)),
  row("CMHI_vec", "0 Q=1 1 01110 size=2 1 Rm:5 00110 1 Rn:5 Rd:5", allSizes, threeSame(cmhi)),
  row("CMGE_vec", "0 Q=1 0 01110 size=2 1 Rm:5 00111 1 Rn:5 Rd:5", allSizes, threeSame(cmge)),
  row("CMHS_vec", "0 Q=1 1 01110 size=2 1 Rm:5 00111 1 Rn:5 Rd:5", allSizes, threeSame(cmhs)),
  ...registerShifts,
  row("SMAX_vec", "0 Q=1 0 01110 size=2 1 Rm:5 01100 1 Rn:5 Rd:5", upToWords, threeSame(max(true))),
  row("UMAX_vec", "0 Q=1 1 01110 size=2 1 Rm:5 01100 1 Rn:5 Rd:5", upToWords, threeSame(max(false))),
  row("SMIN_vec", "0 Q=1 0 01110 size=2 1 Rm:5 01101 1 Rn:5 Rd:5", upToWords, threeSame(min(true))),
  row("UMIN_vec", "0 Q=1 1 01110 size=2 1 Rm:5 01101 1 Rn:5 Rd:5", upToWords, threeSame(min(false))),
  row("SABD_vec", "0 Q=1 0 01110 size=2 1 Rm:5 01110 1 Rn:5 Rd:5", upToWords, threeSame(abd(true))),
  row("UABD_vec", "0 Q=1 1 01110 size=2 1 Rm:5 01110 1 Rn:5 Rd:5", upToWords, threeSame(abd(false))),
  row("SABA_vec", "0 Q=1 0 01110 size=2 1 Rm:5 01111 1 Rn:5 Rd:5", upToWords, threeSame(aba(true))),
  row("UABA_vec", "0 Q=1 1 01110 size=2 1 Rm:5 01111 1 Rn:5 Rd:5", upToWords, threeSame(aba(false))),
  row("ADD_vec", "0 Q=1 0 01110 size=2 1 Rm:5 10000 1 Rn:5 Rd:5", allSizes, threeSame(add)),
  row("SUB_vec", "0 Q=1 1 01110 size=2 1 Rm:5 10000 1 Rn:5 Rd:5", allSizes, threeSame(sub)),
  row("CMTST_vec", "0 Q=1 0 01110 size=2 1 Rm:5 10001 1 Rn:5 Rd:5", allSizes, threeSame(cmtst)),
  row("CMEQ_vec", "0 Q=1 1 01110 size=2 1 Rm:5 10001 1 Rn:5 Rd:5", allSizes, threeSame(cmeq)),
  row("MLA_vec", "0 Q=1 0 01110 size=2 1 Rm:5 10010 1 Rn:5 Rd:5", upToWords, threeSame(mla)),
  row("MLS_vec", "0 Q=1 1 01110 size=2 1 Rm:5 10010 1 Rn:5 Rd:5", upToWords, threeSame(mls)),
  row("MUL_vec", "0 Q=1 0 01110 size=2 1 Rm:5 10011 1 Rn:5 Rd:5", upToWords, threeSame(mul)),
  row("PMUL_vec", "0 Q=1 1 01110 size=2 1 Rm:5 10011 1 Rn:5 Rd:5", bytesOnly, threeSame(pmul)),
  row("SMAXP_vec", "0 Q=1 0 01110 size=2 1 Rm:5 10100 1 Rn:5 Rd:5", upToWords, pairwise(max(true))),
  row("UMAXP_vec", "0 Q=1 1 01110 size=2 1 Rm:5 10100 1 Rn:5 Rd:5", upToWords, pairwise(max(false))),
  row("SMINP_vec", "0 Q=1 0 01110 size=2 1 Rm:5 10101 1 Rn:5 Rd:5", upToWords, pairwise(min(true))),
  row("UMINP_vec", "0 Q=1 1 01110 size=2 1 Rm:5 10101 1 Rn:5 Rd:5", upToWords, pairwise(min(false))),
  row("SQDMULH_vec", "0 Q=1 0 01110 size=2 1 Rm:5 10110 1 Rn:5 Rd:5", halvesAndWords, threeSame(qdmulh(false))),
  row("SQRDMULH_vec", "0 Q=1 1 01110 size=2 1 Rm:5 10110 1 Rn:5 Rd:5", halvesAndWords, threeSame(qdmulh(true))),
  row("ADDP_vec", "0 Q=1 0 01110 size=2 1 Rm:5 10111 1 Rn:5 Rd:5", allSizes, pairwise(add)),

  // scalar
  row("SQADD_scalar", "01 0 11110 size=2 1 Rm:5 00001 1 Rn:5 Rd:5", { fp }, threeSame(qadd(true))),
  row("UQADD_scalar", "01 1 11110 size=2 1 Rm:5 00001 1 Rn:5 Rd:5", { fp }, threeSame(qadd(false))),
  row("SQSUB_scalar", "01 0 11110 size=2 1 Rm:5 00101 1 Rn:5 Rd:5", { fp }, threeSame(qsub(true))),
  row("UQSUB_scalar", "01 1 11110 size=2 1 Rm:5 00101 1 Rn:5 Rd:5", { fp }, threeSame(qsub(false))),
  row("CMGT_scalar", "01 0 11110 size=2 1 Rm:5 00110 1 Rn:5 Rd:5", scalarD, threeSame(cmgt)),
  row("CMHI_scalar", "01 1 11110 size=2 1 Rm:5 00110 1 Rn:5 Rd:5", scalarD, threeSame(cmhi)),
  row("CMGE_scalar", "01 0 11110 size=2 1 Rm:5 00111 1 Rn:5 Rd:5", scalarD, threeSame(cmge)),
  row("CMHS_scalar", "01 1 11110 size=2 1 Rm:5 00111 1 Rn:5 Rd:5", scalarD, threeSame(cmhs)),
  row("ADD_scalar", "01 0 11110 size=2 1 Rm:5 10000 1 Rn:5 Rd:5", scalarD, threeSame(add)),
  row("SUB_scalar", "01 1 11110 size=2 1 Rm:5 10000 1 Rn:5 Rd:5", scalarD, threeSame(sub)),
  row("CMTST_scalar", "01 0 11110 size=2 1 Rm:5 10001 1 Rn:5 Rd:5", scalarD, threeSame(cmtst)),
  row("CMEQ_scalar", "01 1 11110 size=2 1 Rm:5 10001 1 Rn:5 Rd:5", scalarD, threeSame(cmeq)),
  row("SQDMULH_scalar", "01 0 11110 size=2 1 Rm:5 10110 1 Rn:5 Rd:5", scalarHalvesAndWords, threeSame(qdmulh(false))),
  row("SQRDMULH_scalar", "01 1 11110 size=2 1 Rm:5 10110 1 Rn:5 Rd:5", scalarHalvesAndWords, threeSame(qdmulh(true))),

  // extra
  row("SQRDMLAH_vec", "0 Q=1 1 01110 size=2 0 Rm:5 1 0000 1 Rn:5 Rd:5", rdm, threeSame(qrdmlah(false))),
  row("SQRDMLAH_scalar", "01 1 11110 size=2 0 Rm:5 1 0000 1 Rn:5 Rd:5", scalarRdm, threeSame(qrdmlah(false))),
  row("SQRDMLSH_vec", "0 Q=1 1 01110 size=2 0 Rm:5 1 0001 1 Rn:5 Rd:5", rdm, threeSame(qrdmlah(true))),
  row("SQRDMLSH_scalar", "01 1 11110 size=2 0 Rm:5 1 0001 1 Rn:5 Rd:5", scalarRdm, threeSame(qrdmlah(true))),
  row("SDOT_vec", "0 Q=1 0 01110 10 0 Rm:5 1 0010 1 Rn:5 Rd:5", dot, dotProduct(true, true)),
  row("UDOT_vec", "0 Q=1 1 01110 10 0 Rm:5 1 0010 1 Rn:5 Rd:5", dot, dotProduct(false, false)),
  row("USDOT_vec", "0 Q=1 0 01110 10 0 Rm:5 1 0011 1 Rn:5 Rd:5", i8mm, dotProduct(false, true)),
  row("SMMLA_vec", "0 1 0 01110 10 0 Rm:5 1 0100 1 Rn:5 Rd:5", i8mm, matrixMultiply(true, true)),
  row("UMMLA_vec", "0 1 1 01110 10 0 Rm:5 1 0100 1 Rn:5 Rd:5", i8mm, matrixMultiply(false, false)),
  row("USMMLA_vec", "0 1 0 01110 10 0 Rm:5 1 0101 1 Rn:5 Rd:5", i8mm, matrixMultiply(false, true)),
];
