/** Advanced SIMD three different, vector and scalar (DDI 0487, C4.1). */
import { type Row, row } from "../pattern.js";
import { pmull64 } from "../semantics/crypto.js";
import { narrowing, threeDifferent } from "../semantics/simd-forms.js";
import {
  abal,
  abdl,
  addl,
  addw,
  hn,
  mlal,
  mlsl,
  mull,
  pmull8,
  qdmlal,
  qdmlsl,
  qdmull,
  subl,
  subw,
} from "../semantics/simd-integer.js";
import { given } from "../semantics/simd-registers.js";

const fp = true;
const upToWords = { fp, when: (v: { size: number }) => v.size < 3 };
const halvesAndWords = { fp, when: (v: { size: number }) => v.size === 1 || v.size === 2 };

/** The size field says which operation it is. */
const bytes = given({ size: 0 });

// biome-ignore format: one row a line
export const simdThreeDifferent: readonly Row[] = [
  row("SADDL_vec", "0 Q=1 0 01110 size=2 1 Rm:5 0000 00 Rn:5 Rd:5", upToWords, threeDifferent(addl(true))),
  row("UADDL_vec", "0 Q=1 1 01110 size=2 1 Rm:5 0000 00 Rn:5 Rd:5", upToWords, threeDifferent(addl(false))),
  row("SADDW_vec", "0 Q=1 0 01110 size=2 1 Rm:5 0001 00 Rn:5 Rd:5", upToWords, threeDifferent(addw(true))),
  row("UADDW_vec", "0 Q=1 1 01110 size=2 1 Rm:5 0001 00 Rn:5 Rd:5", upToWords, threeDifferent(addw(false))),
  row("SSUBL_vec", "0 Q=1 0 01110 size=2 1 Rm:5 0010 00 Rn:5 Rd:5", upToWords, threeDifferent(subl(true))),
  row("USUBL_vec", "0 Q=1 1 01110 size=2 1 Rm:5 0010 00 Rn:5 Rd:5", upToWords, threeDifferent(subl(false))),
  row("SSUBW_vec", "0 Q=1 0 01110 size=2 1 Rm:5 0011 00 Rn:5 Rd:5", upToWords, threeDifferent(subw(true))),
  row("USUBW_vec", "0 Q=1 1 01110 size=2 1 Rm:5 0011 00 Rn:5 Rd:5", upToWords, threeDifferent(subw(false))),
  row("ADDHN", "0 Q=1 0 01110 size=2 1 Rm:5 0100 00 Rn:5 Rd:5", upToWords, narrowing(hn(false, false))),
  row("RADDHN", "0 Q=1 1 01110 size=2 1 Rm:5 0100 00 Rn:5 Rd:5", upToWords, narrowing(hn(false, true))),
  row("SABAL_vec", "0 Q=1 0 01110 size=2 1 Rm:5 0101 00 Rn:5 Rd:5", upToWords, threeDifferent(abal(true))),
  row("UABAL_vec", "0 Q=1 1 01110 size=2 1 Rm:5 0101 00 Rn:5 Rd:5", upToWords, threeDifferent(abal(false))),
  row("SUBHN", "0 Q=1 0 01110 size=2 1 Rm:5 0110 00 Rn:5 Rd:5", upToWords, narrowing(hn(true, false))),
  row("RSUBHN", "0 Q=1 1 01110 size=2 1 Rm:5 0110 00 Rn:5 Rd:5", upToWords, narrowing(hn(true, true))),
  row("SABDL_vec", "0 Q=1 0 01110 size=2 1 Rm:5 0111 00 Rn:5 Rd:5", upToWords, threeDifferent(abdl(true))),
  row("UABDL_vec", "0 Q=1 1 01110 size=2 1 Rm:5 0111 00 Rn:5 Rd:5", upToWords, threeDifferent(abdl(false))),
  row("SMLAL_vec", "0 Q=1 0 01110 size=2 1 Rm:5 1000 00 Rn:5 Rd:5", upToWords, threeDifferent(mlal(true))),
  row("UMLAL_vec", "0 Q=1 1 01110 size=2 1 Rm:5 1000 00 Rn:5 Rd:5", upToWords, threeDifferent(mlal(false))),
  row("SQDMLAL_vec", "0 Q=1 0 01110 size=2 1 Rm:5 1001 00 Rn:5 Rd:5", halvesAndWords, threeDifferent(qdmlal)),
  row("SMLSL_vec", "0 Q=1 0 01110 size=2 1 Rm:5 1010 00 Rn:5 Rd:5", upToWords, threeDifferent(mlsl(true))),
  row("UMLSL_vec", "0 Q=1 1 01110 size=2 1 Rm:5 1010 00 Rn:5 Rd:5", upToWords, threeDifferent(mlsl(false))),
  row("SQDMLSL_vec", "0 Q=1 0 01110 size=2 1 Rm:5 1011 00 Rn:5 Rd:5", halvesAndWords, threeDifferent(qdmlsl)),
  row("SMULL_vec", "0 Q=1 0 01110 size=2 1 Rm:5 1100 00 Rn:5 Rd:5", upToWords, threeDifferent(mull(true))),
  row("UMULL_vec", "0 Q=1 1 01110 size=2 1 Rm:5 1100 00 Rn:5 Rd:5", upToWords, threeDifferent(mull(false))),
  row("SQDMULL_vec", "0 Q=1 0 01110 size=2 1 Rm:5 1101 00 Rn:5 Rd:5", halvesAndWords, threeDifferent(qdmull)),
  row("PMULL", "0 Q=1 0 01110 00 1 Rm:5 1110 00 Rn:5 Rd:5", { fp }, bytes(threeDifferent(pmull8))),
  row("PMULL_1Q", "0 Q=1 0 01110 11 1 Rm:5 1110 00 Rn:5 Rd:5", { fp, feature: "PMULL" }, pmull64),

  // scalar
  row("SQDMLAL_scalar", "01 0 11110 size=2 1 Rm:5 1001 00 Rn:5 Rd:5", halvesAndWords, threeDifferent(qdmlal)),
  row("SQDMLSL_scalar", "01 0 11110 size=2 1 Rm:5 1011 00 Rn:5 Rd:5", halvesAndWords, threeDifferent(qdmlsl)),
  row("SQDMULL_scalar", "01 0 11110 size=2 1 Rm:5 1101 00 Rn:5 Rd:5", halvesAndWords, threeDifferent(qdmull)),
];
