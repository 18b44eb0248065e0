// BFDotAdd, without FEAT_EBF16. Arm DDI 0487, Shared pseudocode, functions/float, BFDotAdd, BFMulH and BFAdd.

import { FPAdd, FPMul } from "./arith.js";
import { FPRounding, type FpEnv, SINGLE } from "./format.js";

/** FPCR has no say, and FPSR hears nothing. */
const env = (): FpEnv => ({
  rounding: FPRounding.ODDINF,
  FZ: true,
  FZ16: false,
  DN: true,
  AHP: false,
  flags: 0,
});

const lower = (pair: bigint): bigint => (pair & 0xffffn) << 16n;
const upper = (pair: bigint): bigint => pair & 0xffff_0000n;

/** The single-precision addend plus the products of two pairs of BFloat16, each operation rounded to odd. */
export function BFDotAdd(addend: bigint, op1: bigint, op2: bigint): bigint {
  const product = (part: (pair: bigint) => bigint): bigint => FPMul(SINGLE, env(), part(op1), part(op2));
  return FPAdd(SINGLE, env(), addend, FPAdd(SINGLE, env(), product(lower), product(upper)));
}
