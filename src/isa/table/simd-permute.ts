/** Advanced SIMD permute, extract, table lookup, copy and modified immediate (DDI 0487, C4.1). */
import { type Row, row } from "../pattern.js";
import {
  bicImmediate,
  dupElement,
  dupGeneral,
  ext64,
  ext128,
  insElement,
  insGeneral,
  movi,
  moviBytes,
  moviMask,
  mvni,
  orrImmediate,
  permute,
  smov,
  tableLookup,
  trn,
  umov,
  uzp,
  zip,
} from "../semantics/simd-permute.js";
import { given } from "../semantics/simd-registers.js";

interface Shape {
  readonly Q: number;
  readonly size: number;
}
const fp = true;
const allSizes = { fp, when: (v: Shape) => v.size < 3 || v.Q === 1 };

/** Even values of cmode, and 13, move a shifted byte; odd ones below 12 combine it with the old value. */
const shifted = { fp, when: (v: { cmode: number }) => ((v.cmode & 1) === 0 && v.cmode < 14) || v.cmode === 13 };
const combined = { fp, when: (v: { cmode: number }) => (v.cmode & 1) === 1 && v.cmode < 12 };

const whole = given({ Q: 1 });

// biome-ignore format: one row a line
export const simdPermute: readonly Row[] = [
  row("UZP1", "0 Q=1 001110 size=2 0 Rm:5 0 001 10 Rn:5 Rd:5", allSizes, permute(uzp(0))),
  row("TRN1", "0 Q=1 001110 size=2 0 Rm:5 0 010 10 Rn:5 Rd:5", allSizes, permute(trn(0))),
  row("ZIP1", "0 Q=1 001110 size=2 0 Rm:5 0 011 10 Rn:5 Rd:5", allSizes, permute(zip(0))),
  row("UZP2", "0 Q=1 001110 size=2 0 Rm:5 0 101 10 Rn:5 Rd:5", allSizes, permute(uzp(1))),
  row("TRN2", "0 Q=1 001110 size=2 0 Rm:5 0 110 10 Rn:5 Rd:5", allSizes, permute(trn(1))),
  row("ZIP2", "0 Q=1 001110 size=2 0 Rm:5 0 111 10 Rn:5 Rd:5", allSizes, permute(zip(1))),
  row("EXT_8B", "0 0 101110 00 0 Rm:5 0 0 imm3:3 0 Rn:5 Rd:5", { fp }, ext64),
  row("EXT_16B", "0 1 101110 00 0 Rm:5 0 imm4:4 0 Rn:5 Rd:5", { fp }, ext128),
  row("TBL_TBX", "0 Q=1 001110 00 0 Rm:5 0 len=2 op=1 00 Rn:5 Rd:5", { fp }, tableLookup),

  // copy: the lowest 1 of imm5 gives the element size, the bits above it the element
  row("DUP_elt_b", "0 Q=1 0 01110000 index:4 1 0 0000 1 Rn:5 Rd:5", { fp }, dupElement(0)),
  row("DUP_gen_b", "0 Q=1 0 01110000 xxxx1 0 0001 1 Rn:5 Rd:5", { fp }, dupGeneral(0)),
  row("DUP_elt_scalar_b", "01 0 11110000 index:4 1 0 0000 1 Rn:5 Rd:5", { fp }, dupElement(0)),
  row("INS_gen_b", "0 1 0 01110000 index:4 1 0 0011 1 Rn:5 Rd:5", { fp }, insGeneral(0)),
  row("INS_elt_b", "0 1 1 01110000 index:4 1 0 from:4 1 Rn:5 Rd:5", { fp }, insElement(0)),
  row("UMOV_b", "0 0 0 01110000 index:4 1 0 0111 1 Rn:5 Rd:5", { fp }, umov(0)),
  row("SMOV_b", "0 Q=1 0 01110000 index:4 1 0 0101 1 Rn:5 Rd:5", { fp }, smov(0)),
  row("DUP_elt_h", "0 Q=1 0 01110000 index:3 10 0 0000 1 Rn:5 Rd:5", { fp }, dupElement(1)),
  row("DUP_gen_h", "0 Q=1 0 01110000 xxx10 0 0001 1 Rn:5 Rd:5", { fp }, dupGeneral(1)),
  row("DUP_elt_scalar_h", "01 0 11110000 index:3 10 0 0000 1 Rn:5 Rd:5", { fp }, dupElement(1)),
  row("INS_gen_h", "0 1 0 01110000 index:3 10 0 0011 1 Rn:5 Rd:5", { fp }, insGeneral(1)),
  row("INS_elt_h", "0 1 1 01110000 index:3 10 0 from:3 x 1 Rn:5 Rd:5", { fp }, insElement(1)),
  row("UMOV_h", "0 0 0 01110000 index:3 10 0 0111 1 Rn:5 Rd:5", { fp }, umov(1)),
  row("SMOV_h", "0 Q=1 0 01110000 index:3 10 0 0101 1 Rn:5 Rd:5", { fp }, smov(1)),
  row("DUP_elt_s", "0 Q=1 0 01110000 index:2 100 0 0000 1 Rn:5 Rd:5", { fp }, dupElement(2)),
  row("DUP_gen_s", "0 Q=1 0 01110000 xx100 0 0001 1 Rn:5 Rd:5", { fp }, dupGeneral(2)),
  row("DUP_elt_scalar_s", "01 0 11110000 index:2 100 0 0000 1 Rn:5 Rd:5", { fp }, dupElement(2)),
  row("INS_gen_s", "0 1 0 01110000 index:2 100 0 0011 1 Rn:5 Rd:5", { fp }, insGeneral(2)),
  row("INS_elt_s", "0 1 1 01110000 index:2 100 0 from:2 xx 1 Rn:5 Rd:5", { fp }, insElement(2)),
  row("UMOV_s", "0 0 0 01110000 index:2 100 0 0111 1 Rn:5 Rd:5", { fp }, umov(2)),
  row("SMOV_s", "0 1 0 01110000 index:2 100 0 0101 1 Rn:5 Rd:5", { fp }, whole(smov(2))),
  row("DUP_elt_d", "0 1 0 01110000 index:1 1000 0 0000 1 Rn:5 Rd:5", { fp }, whole(dupElement(3))),
  row("DUP_gen_d", "0 1 0 01110000 x1000 0 0001 1 Rn:5 Rd:5", { fp }, whole(dupGeneral(3))),
  row("DUP_elt_scalar_d", "01 0 11110000 index:1 1000 0 0000 1 Rn:5 Rd:5", { fp }, dupElement(3)),
  row("INS_gen_d", "0 1 0 01110000 index:1 1000 0 0011 1 Rn:5 Rd:5", { fp }, insGeneral(3)),
  row("INS_elt_d", "0 1 1 01110000 index:1 1000 0 from:1 xxx 1 Rn:5 Rd:5", { fp }, insElement(3)),
  row("UMOV_d", "0 1 0 01110000 index:1 1000 0 0111 1 Rn:5 Rd:5", { fp }, umov(3)),

  // modified immediate
  row("MOVI_shifted", "0 Q=1 0 0111100000 abc:3 cmode=4 01 defgh:5 Rd:5", shifted, movi),
  row("MVNI", "0 Q=1 1 0111100000 abc:3 cmode=4 01 defgh:5 Rd:5", shifted, mvni),
  row("MOVI_bytes", "0 Q=1 0 0111100000 abc:3 1110 01 defgh:5 Rd:5", { fp }, moviBytes),
  row("MOVI_mask", "0 Q=1 1 0111100000 abc:3 1110 01 defgh:5 Rd:5", { fp }, moviMask),
  row("ORR_imm_vec", "0 Q=1 0 0111100000 abc:3 cmode=4 01 defgh:5 Rd:5", combined, orrImmediate),
  row("BIC_imm_vec", "0 Q=1 1 0111100000 abc:3 cmode=4 01 defgh:5 Rd:5", combined, bicImmediate),
];
