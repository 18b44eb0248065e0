// Arithmetic: FPAdd, FPSub, FPMul, FPMulX, FPDiv, FPSqrt, FPMulAdd, FPMulAddH, FPRecipStepFused,
// FPRSqrtStepFused. Arm DDI 0487, Shared pseudocode, functions/float. Operands and results are encodings.

import { type Format, FPInfinity, FPNeg, FPSR, FPZero, type FpEnv, HALF, SINGLE, type Sign } from "./format.js";
import { addReal, bitLength, mulReal, type Real } from "./real.js";
import {
  FPProcessNaN,
  FPProcessNaNs,
  FPRound,
  FPType,
  FPUnpack,
  invalidOperation,
  isAnyNaN,
  roundSum,
  type Unpacked,
} from "./unpack.js";

const isInf = (op: Unpacked): boolean => op.type === FPType.Infinity;
const isZero = (op: Unpacked): boolean => op.type === FPType.Zero;
const productSign = (x: Unpacked, y: Unpacked): Sign => (x.sign === y.sign ? 0 : 1);
const isInfTimesZero = (x: Unpacked, y: Unpacked): boolean => (isInf(x) && isZero(y)) || (isZero(x) && isInf(y));

function addSigned(fmt: Format, env: FpEnv, op1: bigint, op2: bigint, subtract: boolean): bigint {
  const x = FPUnpack(fmt, env, op1);
  const y = FPUnpack(fmt, env, op2);
  const nan = FPProcessNaNs(fmt, env, x, y);
  if (nan !== undefined) return nan;
  const ySign: Sign = (y.sign === 1) !== subtract ? 1 : 0;
  if (isInf(x) && isInf(y) && x.sign !== ySign) return invalidOperation(fmt, env);
  if (isInf(x)) return FPInfinity(fmt, x.sign);
  if (isInf(y)) return FPInfinity(fmt, ySign);
  if (isZero(x) && isZero(y) && x.sign === ySign) return FPZero(fmt, x.sign);
  return roundSum(fmt, env, addReal(x, subtract ? { m: -y.m, e: y.e } : y));
}

export function FPAdd(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): bigint {
  return addSigned(fmt, env, op1, op2, false);
}

export function FPSub(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): bigint {
  return addSigned(fmt, env, op1, op2, true);
}

/** The product; `infTimesZero` says what infinity times zero is. */
function multiply(fmt: Format, env: FpEnv, op1: bigint, op2: bigint, infTimesZero: (sign: Sign) => bigint): bigint {
  const x = FPUnpack(fmt, env, op1);
  const y = FPUnpack(fmt, env, op2);
  const nan = FPProcessNaNs(fmt, env, x, y);
  if (nan !== undefined) return nan;
  const sign = productSign(x, y);
  if (isInfTimesZero(x, y)) return infTimesZero(sign);
  if (isInf(x) || isInf(y)) return FPInfinity(fmt, sign);
  if (isZero(x) || isZero(y)) return FPZero(fmt, sign);
  return FPRound(fmt, env, mulReal(x, y));
}

export function FPMul(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): bigint {
  return multiply(fmt, env, op1, op2, () => invalidOperation(fmt, env));
}

export function FPMulX(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): bigint {
  return multiply(fmt, env, op1, op2, (sign) => FPRound(fmt, env, { m: sign ? -2n : 2n, e: 0 }));
}

export function FPDiv(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): bigint {
  const x = FPUnpack(fmt, env, op1);
  const y = FPUnpack(fmt, env, op2);
  const nan = FPProcessNaNs(fmt, env, x, y);
  if (nan !== undefined) return nan;
  if ((isInf(x) && isInf(y)) || (isZero(x) && isZero(y))) return invalidOperation(fmt, env);
  const sign = productSign(x, y);
  if (isInf(x) || isZero(y)) {
    if (!isInf(x)) env.flags |= FPSR.DZC;
    return FPInfinity(fmt, sign);
  }
  if (isZero(x) || isInf(y)) return FPZero(fmt, sign);
  // Enough places that even a one-bit dividend over a full divisor leaves a guard bit under the last place.
  const places = 2 * fmt.F + 6;
  const dividend = x.m << BigInt(places);
  const quotient = dividend / y.m;
  const sticky = quotient * y.m === dividend ? 0n : sign ? -1n : 1n;
  return FPRound(fmt, env, { m: (quotient << 1n) + sticky, e: x.e - y.e - places - 1 });
}

/** The integer part of the square root of m > 0. */
function integerSqrt(m: bigint): bigint {
  const guess = BigInt(Math.floor(Math.sqrt(Number(m))));
  let root = (guess + m / guess) >> 1n;
  while (root * root > m) root -= 1n;
  while ((root + 1n) * (root + 1n) <= m) root += 1n;
  return root;
}

export function FPSqrt(fmt: Format, env: FpEnv, op: bigint): bigint {
  const x = FPUnpack(fmt, env, op);
  if (isAnyNaN(x)) return FPProcessNaN(fmt, env, x);
  if (isZero(x)) return FPZero(fmt, x.sign);
  if (x.sign) return invalidOperation(fmt, env);
  if (isInf(x)) return FPInfinity(fmt, 0);
  let places = 2 * fmt.F + 6 - bitLength(x.m);
  if ((x.e - places) % 2 !== 0) places += 1;
  const radicand = x.m << BigInt(places);
  const root = integerSqrt(radicand);
  const sticky = root * root === radicand ? 0n : 1n;
  return FPRound(fmt, env, { m: (root << 1n) | sticky, e: (x.e - places) / 2 - 1 });
}

function mulAdd(fmt: Format, env: FpEnv, addend: Unpacked, x: Unpacked, y: Unpacked): bigint {
  const nan = FPProcessNaNs(fmt, env, addend, x, y);
  if (addend.type === FPType.QNaN && isInfTimesZero(x, y)) return invalidOperation(fmt, env);
  if (nan !== undefined) return nan;
  const sign = productSign(x, y);
  const infP = isInf(x) || isInf(y);
  if (isInfTimesZero(x, y) || (isInf(addend) && infP && addend.sign !== sign)) return invalidOperation(fmt, env);
  if (isInf(addend)) return FPInfinity(fmt, addend.sign);
  if (infP) return FPInfinity(fmt, sign);
  const zeroP = isZero(x) || isZero(y);
  if (isZero(addend) && zeroP && addend.sign === sign) return FPZero(fmt, sign);
  return roundSum(fmt, env, addReal(addend, mulReal(x, y)));
}

/** addend + op1 * op2 with one rounding. */
export function FPMulAdd(fmt: Format, env: FpEnv, addend: bigint, op1: bigint, op2: bigint): bigint {
  return mulAdd(fmt, env, FPUnpack(fmt, env, addend), FPUnpack(fmt, env, op1), FPUnpack(fmt, env, op2));
}

/** A half-precision operand whose NaN payload, if it is a NaN, stands where single precision has it. */
function unpackWidened(env: FpEnv, op: bigint): Unpacked {
  const x = FPUnpack(HALF, env, op);
  if (!isAnyNaN(x)) return x;
  const payload = (op & HALF.fracMask) << (SINGLE.fracBits - HALF.fracBits);
  return { ...x, bits: FPInfinity(SINGLE, x.sign) | payload };
}

/** FPMulAddH: single-precision addend + half-precision op1 * op2, one rounding, single-precision result. */
export function FPMulAddH(env: FpEnv, addend: bigint, op1: bigint, op2: bigint): bigint {
  return mulAdd(SINGLE, env, FPUnpack(SINGLE, env, addend), unpackWidened(env, op1), unpackWidened(env, op2));
}

/** (base - op1 * op2) / 2^halvings, fused; infinity times zero counts as zero. */
function stepFused(fmt: Format, env: FpEnv, op1: bigint, op2: bigint, base: bigint, halvings: number): bigint {
  const x = FPUnpack(fmt, env, FPNeg(fmt, op1));
  const y = FPUnpack(fmt, env, op2);
  const nan = FPProcessNaNs(fmt, env, x, y);
  if (nan !== undefined) return nan;
  if (isInfTimesZero(x, y)) return FPRound(fmt, env, { m: base, e: -halvings });
  if (isInf(x) || isInf(y)) return FPInfinity(fmt, productSign(x, y));
  const sum: Real = addReal({ m: base, e: 0 }, mulReal(x, y));
  return roundSum(fmt, env, { m: sum.m, e: sum.e - halvings });
}

/** 2 - op1 * op2 (FRECPS). */
export function FPRecipStepFused(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): bigint {
  return stepFused(fmt, env, op1, op2, 2n, 0);
}

/** (3 - op1 * op2) / 2 (FRSQRTS). */
export function FPRSqrtStepFused(fmt: Format, env: FpEnv, op1: bigint, op2: bigint): bigint {
  return stepFused(fmt, env, op1, op2, 3n, 1);
}
